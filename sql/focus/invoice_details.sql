-- FOCUS 1.4's Invoice Detail, as far as bills tell: what each invoice charges, by category.
-- They name an invoice and say nothing of it: its dates, terms, lines and payment stay null. What is on no invoice yet
-- is not here.
SELECT
  SUM(BilledCost) AS BilledCost,
  BillingAccountId,
  BillingCurrency,
  BillingPeriodEnd,
  BillingPeriodStart,
  ChargeCategory,
  CAST(NULL AS TIMESTAMPTZ) AS InvoiceDetailCreated,
  CAST(NULL AS VARCHAR) AS InvoiceDetailDescription,
  CAST(NULL AS VARCHAR) AS InvoiceDetailGrain,
  CAST(NULL AS VARCHAR) AS InvoiceDetailId,
  CAST(NULL AS TIMESTAMPTZ) AS InvoiceDetailLastUpdated,
  InvoiceId,
  CAST(NULL AS TIMESTAMPTZ) AS InvoiceIssueDate,
  -- AWS has no number before the invoice is issued; others may have one for a provisional invoice
  CASE WHEN BOOL_AND(ProviderName = 'AWS') THEN 'Issued' END AS InvoiceIssueStatus,
  InvoiceIssuerName,
  CAST(NULL AS VARCHAR) AS PaymentCurrency,
  CAST(NULL AS DECIMAL(38,18)) AS PaymentCurrencyBilledCost,
  CAST(NULL AS VARCHAR) AS PaymentCurrencyInvoiceDetailId,
  CAST(NULL AS TIMESTAMPTZ) AS PaymentDueDate,
  CAST(NULL AS VARCHAR) AS PaymentTerms,
  CAST(NULL AS VARCHAR) AS PurchaseOrderNumber,
  CAST(NULL AS VARCHAR) AS ReferenceInvoiceId
FROM focus.charges
WHERE InvoiceId IS NOT NULL
GROUP BY BillingAccountId, BillingCurrency, BillingPeriodEnd, BillingPeriodStart, ChargeCategory, InvoiceId, InvoiceIssuerName
