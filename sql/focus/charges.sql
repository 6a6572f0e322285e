-- Every charge of every source in FOCUS 1.2, with its machine-learning stage, team, model and GPU hours.
-- STAGE_RULE() stands for the compiled stage rules: the id of the first that holds.
-- A tag's key is looked up without its prefix, case and punctuation: `user:Team`, `user_team` and `team` are
-- one; where several spellings are given, the lower-case one counts. Tags keeps all as they came.
WITH tagged AS (
  SELECT
    *,
    LIST_SORT(LIST_TRANSFORM(
      LIST_FILTER(MAP_ENTRIES(Tags), lambda e: TRIM(e.value) <> ''),
      lambda e: {
        'rank': CASE WHEN e.key = LOWER(e.key) THEN 0 ELSE 1 END,
        'name': REGEXP_REPLACE(REGEXP_REPLACE(LOWER(e.key), '^(user|label)[:_/]', ''), '[^a-z0-9]+', '_', 'g'),
        'given': e.key,
        'value': TRIM(e.value)
      }
    )) AS tag_list
  FROM normalised
  WHERE x_LeftOut IS NULL
),
attributed AS (
  SELECT
    *,
    COALESCE(
      LIST_FILTER(tag_list, lambda e: e.name = 'team')[1].value,
      LIST_FILTER(tag_list, lambda e: e.name IN ('owner_team', 'squad'))[1].value
    ) AS x_Team,
    COALESCE(
      LIST_FILTER(tag_list, lambda e: e.name = 'ml_project')[1].value,
      LIST_FILTER(tag_list, lambda e: e.name = 'project')[1].value
    ) AS x_MlProject,
    COALESCE(
      LIST_FILTER(tag_list, lambda e: e.name IN ('ml_model', 'ml_model_name'))[1].value,
      LIST_FILTER(tag_list, lambda e: e.name IN ('model', 'model_name'))[1].value
    ) AS x_MlModelName,
    LIST_FILTER(tag_list, lambda e: e.name IN ('run_id', 'ml_run_id', 'mlflow_run_id'))[1].value AS x_MlRunId,
    REGEXP_REPLACE(
      LOWER(COALESCE(
        LIST_FILTER(tag_list, lambda e: e.name IN ('ml_stage', 'mlstage'))[1].value,
        LIST_FILTER(tag_list, lambda e: e.name IN ('lifecycle_stage', 'stage'))[1].value
      )),
      '[^a-z0-9]+', '_', 'g'
    ) AS stage_tag
  FROM tagged
),
ruled AS (
  SELECT *, STAGE_RULE() AS x_MlStageRule FROM attributed
)
SELECT
  r.* EXCLUDE (SkuPriceDetails, x_SourceFile),
  COALESCE(
    r.SkuPriceDetails,
    CASE
      WHEN r.x_InstanceHours IS NOT NULL AND c.gpu_count IS NOT NULL
        THEN MAP(['InstanceType', 'GpuCount'], [r.x_InstanceType, CAST(c.gpu_count AS VARCHAR)])
      WHEN r.x_InstanceType IS NOT NULL THEN MAP(['InstanceType'], [r.x_InstanceType])
    END
  ) AS SkuPriceDetails,
  COALESCE(l.stage, 'unattributed') AS x_MlStage,
  l.confidence AS x_MlStageConfidence,
  COALESCE(r.x_SkuGpuModel, CASE WHEN r.x_InstanceHours IS NOT NULL THEN c.gpu_model END) AS x_GpuModel,
  CASE
    WHEN r.x_SkuGpuModel IS NOT NULL THEN r.x_InstanceHours
    WHEN c.gpu_count IS NOT NULL THEN CAST(r.x_InstanceHours * c.gpu_count AS DECIMAL(38,18))
  END AS x_GpuHours,
  f.source AS x_SourceSystem,
  f.unit AS x_SourceUnit,
  f.file AS x_SourceFile,
  f.load || ':' || STRFTIME(r.BillingPeriodStart, '%Y-%m') || ':' || r.BillingCurrency AS x_LoadId,
  $currency AS x_ReportingCurrency,
  CASE WHEN r.BillingCurrency = $currency THEN r.BilledCost END AS x_BilledCostReporting,
  CASE WHEN r.BillingCurrency = $currency THEN r.EffectiveCost END AS x_EffectiveCostReporting
FROM ruled AS r
JOIN files_in_hand AS f
  ON f.path = r.x_SourceFile
LEFT JOIN lifecycle.rules AS l
  ON l.rule_id = r.x_MlStageRule
LEFT JOIN gpu.catalogue AS c
  -- SageMaker's ml.p4d.24xlarge, in places with its use (-Training) after it, is a p4d.24xlarge
  ON c.instance_type = REGEXP_REPLACE(REGEXP_REPLACE(LOWER(r.x_InstanceType), '^ml\.', ''), 'large-[a-z]+$', 'large')
