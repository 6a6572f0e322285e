-- Google's SKUs by what they sell: which GPU, how many of them for each unit of usage, how it is bought, and the
-- machine family of cores and memory. Read from the description, because the usage type calls Flex-start,
-- Calendar Mode and some Spot usage OnDemand, and bills have no usage type.
-- It reads the relation `skus` (sku_id, service_id, sku_description, usage_type), which who runs it provides, and has
-- a row for each of its rows; usage_type may be null. gpu_model is named as in gpu.catalogue, or 'unmapped' for
-- a GPU that is not known here. gpu_count is null where a unit is no time of a GPU: a commitment, a reservation that
-- costs nothing (the machines in it are billed beside it), a licence, a fee, and all that has no GPU.
-- Calendar Mode is paid for by the GPU and hour, as long as it is held (in use or not).
WITH described AS (
  SELECT
    sku_id,
    service_id,
    sku_description,
    COALESCE(usage_type, '') AS usage_type,
    COALESCE(sku_description, '') AS text,
    -- "Autopilot NVIDIA L4 Pod Memory Requests" names a GPU and sells memory
    REGEXP_MATCHES(
      COALESCE(sku_description, ''),
      '(?i)\b(core|cores|v?cpus?|mcpu|ram|memory|storage|ssd|disk|tpu|network|licen[cs]\w*|fees?|premium)\b|^tpu'
    ) AS is_something_else
  FROM skus
),
named AS (
  SELECT
    *,
    CASE
      WHEN REGEXP_MATCHES(text, '(?i)\bH100\b.*(Plus|Mega)|(Plus|Mega).*\bH100\b') THEN 'H100 Mega'
      WHEN REGEXP_MATCHES(text, '(?i)\bGB300\b') THEN 'GB300'
      WHEN REGEXP_MATCHES(text, '(?i)\bGB200\b') THEN 'GB200'
      WHEN REGEXP_MATCHES(text, '(?i)\bB200\b') THEN 'B200'
      WHEN REGEXP_MATCHES(text, '(?i)\bH200\b') THEN 'H200'
      WHEN REGEXP_MATCHES(text, '(?i)\bH100\b') THEN 'H100'
      WHEN REGEXP_MATCHES(text, '(?i)\bA100[ -]*80 ?GB') THEN 'A100 80GB'
      WHEN REGEXP_MATCHES(text, '(?i)\bA100\b') THEN 'A100'
      WHEN REGEXP_MATCHES(text, '(?i)\bRTX (PRO )?6000\b') THEN 'RTX PRO 6000'
      WHEN REGEXP_MATCHES(text, '(?i)\bL4\b') THEN 'L4'
      WHEN REGEXP_MATCHES(text, '(?i)\bT4\b') THEN 'T4'
      WHEN REGEXP_MATCHES(text, '(?i)\bV100\b') THEN 'V100'
      WHEN REGEXP_MATCHES(text, '(?i)\bP100\b') THEN 'P100'
      WHEN REGEXP_MATCHES(text, '(?i)\bP4\b') THEN 'P4'
      WHEN REGEXP_MATCHES(text, '(?i)\bK80\b') THEN 'K80'
    END AS model,
    -- "H200 141GB GPU" and "RTX 6000 96GB" have no "Nvidia", "Training/Pipelines on NVIDIA H100 80GB" has no "GPU"
    REGEXP_MATCHES(text, '(?i)\b(GPU|Nvidia)\b|\bRTX (PRO )?6000\b') AS is_of_gpus,
    REGEXP_MATCHES(text, '(?i)\bGPUs?\b') AS says_gpu,
    CASE
      WHEN REGEXP_MATCHES(text, '(?i)^Commitment\b') OR REGEXP_MATCHES(usage_type, '^Commit') THEN 'commitment'
      WHEN REGEXP_MATCHES(text, '(?i)\bCalendar Mode\b') THEN 'calendar'
      WHEN REGEXP_MATCHES(text, '(?i)^Reserved\b') THEN 'reserved'
      WHEN REGEXP_MATCHES(text, '(?i)\b(DWS|Defined Duration|Flex[ -]?start)\b') THEN 'dws'
      WHEN REGEXP_MATCHES(text, '(?i)\b(Spot|Preemptible)\b') OR usage_type = 'Preemptible' THEN 'spot'
      ELSE 'on_demand'
    END AS purchase
  FROM described
)
SELECT
  sku_id,
  service_id,
  sku_description,
  CASE
    WHEN is_something_else OR NOT is_of_gpus THEN NULL
    WHEN model IS NOT NULL THEN model
    WHEN says_gpu AND purchase <> 'commitment' THEN 'unmapped'
  END AS gpu_model,
  CASE
    WHEN is_something_else OR NOT is_of_gpus OR purchase IN ('commitment', 'reserved') THEN NULL
    WHEN REGEXP_MATCHES(text, '(?i)\([0-9]+ gpu slices?\)')
      THEN CAST(REGEXP_EXTRACT(text, '(?i)\(([0-9]+) gpu slices?\)', 1) AS DECIMAL(9, 4))
    WHEN model IS NOT NULL OR says_gpu THEN CAST(1 AS DECIMAL(9, 4))
  END AS gpu_count,
  purchase,
  -- as machine types begin: a3 of "A3Plus Instance Core", a4 of "A4 Nvidia B200 (1 gpu slice)"
  NULLIF(
    LOWER(
      REGEXP_EXTRACT(
        text,
        '(?i)\b([ACEGHMNTXZ][1-9][ADX]?)(?:Plus|Ultra\w*|Mega)?\b.*\b(?:Core|Cpu|vCPU|Ram|Memory|gpu slices?)\b',
        1
      )
    ),
    ''
  ) AS machine_family
FROM named
