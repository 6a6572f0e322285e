-- Normalised rows with their machine-learning stage, team, project, model and GPU hours: what is kept of a bill.
-- STAGE_RULE() stands for the compiled stage rules: the id of the first that holds.
WITH tagged AS (
  SELECT
    n.*,
    COALESCE(n.SubAccountName, a.account_name) AS account_name,
    -- a set that is not among those that were found must not pass for no tags: the load is refused
    COALESCE(t.tag_set_id, CASE WHEN n.x_TagSet IS NOT NULL THEN -1 END) AS tag_set_id,
    t.x_Team,
    t.stage_tag
  FROM normalised AS n
  LEFT JOIN focus.accounts AS a
    ON a.account_id = n.SubAccountId
  LEFT JOIN tag_sets AS t
    ON t.tag_set = n.x_TagSet
  WHERE n.x_LeftOut IS NULL
),
ruled AS (
  SELECT *, STAGE_RULE() AS x_MlStageRule FROM tagged
)
SELECT
  r.*,
  f.file_id,
  COALESCE(l.stage, 'unattributed') AS x_MlStage,
  l.confidence AS x_MlStageConfidence,
  COALESCE(r.x_SkuGpuModel, CASE WHEN r.x_InstanceHours IS NOT NULL THEN c.gpu_model END) AS x_GpuModel,
  CASE WHEN r.x_InstanceHours IS NOT NULL THEN c.gpu_count END AS x_GpuCount,
  CASE
    WHEN r.x_SkuGpuModel IS NOT NULL THEN r.x_InstanceHours
    WHEN c.gpu_count IS NOT NULL THEN CAST(r.x_InstanceHours * c.gpu_count AS DECIMAL(38,18))
  END AS x_GpuHours
FROM ruled AS r
JOIN files_in_hand AS f
  ON f.path = r.x_SourceFile
LEFT JOIN lifecycle.rules AS l
  ON l.rule_id = r.x_MlStageRule
LEFT JOIN gpu.catalogue AS c
  -- SageMaker's ml.p4d.24xlarge, in places with its use (-Training) after it, is a p4d.24xlarge
  ON c.instance_type = CASE
    WHEN LOWER(r.x_InstanceType) LIKE 'ml.%large-%'
      THEN SPLIT_PART(SUBSTRING(LOWER(r.x_InstanceType), 4), 'large-', 1) || 'large'
    WHEN LOWER(r.x_InstanceType) LIKE 'ml.%' THEN SUBSTRING(LOWER(r.x_InstanceType), 4)
    ELSE LOWER(r.x_InstanceType)
  END
