-- FOCUS's rules on what belongs to what: of the things that should have one parent, how many have several, by source;
-- and rows whose service is of no subcategory that FOCUS knows. One scan groups for all rules.
WITH combinations AS (
  SELECT
    f.source,
    c.ServiceName,
    c.ServiceCategory,
    c.ServiceSubcategory,
    c.SkuId,
    c.SkuPriceId,
    c.SkuMeter,
    c.InvoiceId,
    c.BillingAccountId,
    c.CommitmentDiscountId,
    c.CommitmentDiscountUnit,
    COUNT(*) AS row_count
  FROM focus.parts AS c
  JOIN ledger.files AS f
    ON f.file_id = c.file_id
  GROUP BY ALL
),
pairs AS (
  SELECT source, 'a service is in several categories' AS rule, ServiceName AS child, ServiceCategory AS parent
  FROM combinations
  UNION ALL
  SELECT source, 'a service is in several subcategories', ServiceName, ServiceSubcategory
  FROM combinations
  UNION ALL
  SELECT source, 'a SKU price is of several SKUs', SkuPriceId, SkuId
  FROM combinations
  UNION ALL
  SELECT source, 'a SKU has several meters', SkuId, SkuMeter
  FROM combinations
  UNION ALL
  SELECT source, 'an invoice is of several billing accounts', InvoiceId, BillingAccountId
  FROM combinations
  UNION ALL
  SELECT source, 'a commitment has several units', CommitmentDiscountId, CommitmentDiscountUnit
  FROM combinations
),
children AS (
  SELECT source, rule, child, COUNT(DISTINCT parent) AS parents
  FROM pairs
  WHERE child IS NOT NULL
  GROUP BY source, rule, child
),
services AS (
  SELECT
    source,
    SUM(
      CASE
        WHEN ServiceSubcategory <> 'Other (' || ServiceCategory || ')'
          AND ServiceCategory || ': ' || ServiceSubcategory NOT IN (
            'AI and Machine Learning: AI Platforms', 'AI and Machine Learning: Bots',
            'AI and Machine Learning: Generative AI', 'AI and Machine Learning: Machine Learning',
            'AI and Machine Learning: Natural Language Processing', 'Analytics: Analytics Platforms',
            'Analytics: Business Intelligence', 'Analytics: Data Processing', 'Analytics: Search',
            'Analytics: Streaming Analytics', 'Business Applications: Productivity and Collaboration',
            'Compute: Containers', 'Compute: End User Computing', 'Compute: Quantum Compute',
            'Compute: Serverless Compute', 'Compute: Virtual Machines', 'Databases: Caching',
            'Databases: Data Warehouses', 'Databases: Ledger Databases', 'Databases: NoSQL Databases',
            'Databases: Relational Databases', 'Databases: Time Series Databases',
            'Developer Tools: Continuous Integration and Deployment', 'Developer Tools: Developer Platforms',
            'Developer Tools: Development Environments', 'Developer Tools: Quality Assurance',
            'Developer Tools: Source Code Management', 'Identity: Identity and Access Management',
            'Integration: API Management', 'Integration: Messaging', 'Integration: Workflow Orchestration',
            'Internet of Things: IoT Analytics', 'Internet of Things: IoT Platforms',
            'Management and Governance: Architecture', 'Management and Governance: Compliance',
            'Management and Governance: Cost Management', 'Management and Governance: Data Governance',
            'Management and Governance: Disaster Recovery', 'Management and Governance: Endpoint Management',
            'Management and Governance: Observability', 'Management and Governance: Support',
            'Media: Content Creation', 'Media: Gaming', 'Media: Media Streaming', 'Media: Mixed Reality',
            'Migration: Data Migration', 'Migration: Resource Migration', 'Multicloud: Multicloud Integration',
            'Networking: Application Networking', 'Networking: Content Delivery', 'Networking: Network Connectivity',
            'Networking: Network Infrastructure', 'Networking: Network Routing', 'Networking: Network Security',
            'Security: Secret Management', 'Security: Security Posture Management',
            'Security: Threat Detection and Response', 'Storage: Backup Storage', 'Storage: Block Storage',
            'Storage: File Storage', 'Storage: Object Storage', 'Storage: Storage Platforms',
            'Web: Application Platforms'
          ) THEN row_count
        ELSE 0
      END
    ) AS "ServiceSubcategory is none of its category's",
    -- 1.0 has no such column
    CASE
      WHEN COUNT(ServiceSubcategory) > 0 THEN SUM(CASE WHEN ServiceSubcategory IS NULL THEN row_count ELSE 0 END)
      ELSE 0
    END AS "ServiceSubcategory is missing"
  FROM combinations
  GROUP BY source
)
SELECT source || ': ' || rule AS scope, 0 AS expected, COUNT(CASE WHEN parents > 1 THEN 1 END) AS actual
FROM children
GROUP BY source, rule
UNION ALL
SELECT source || ': ' || rule, 0, CAST(found AS BIGINT)
FROM services
UNPIVOT (found FOR rule IN (COLUMNS(* EXCLUDE (source))))
