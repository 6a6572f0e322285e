-- The distinct sets of tags, each with the team, project, model, run and stage it names.
-- A tag's key is looked up without its prefix, case and punctuation: `user:Team`, `user_team` and `team` are one.
-- A resource's own tag goes before a pod's label (Google's cost allocation of clusters), a user attribute, an account's
-- tag and a cost category; of several spellings the lower-case one counts. A bill has few sets and many rows: so a set
-- is read once, not with each of its rows.
WITH listed AS (
  SELECT
    tag_set,
    Tags,
    LIST_SORT(LIST_TRANSFORM(
      LIST_FILTER(MAP_ENTRIES(Tags), lambda e: TRIM(e.value) <> ''),
      lambda e: {
        'origin': CASE
          WHEN e.key LIKE 'k8s-label/%' THEN 1
          WHEN e.key LIKE 'userAttribute/%' THEN 2
          WHEN e.key LIKE 'accountTag/%' THEN 3
          WHEN e.key LIKE 'costCategory/%' THEN 4
          ELSE 0
        END,
        'rank': CASE WHEN REGEXP_REPLACE(e.key, '^[a-zA-Z0-9-]+/', '') = LOWER(REGEXP_REPLACE(e.key, '^[a-zA-Z0-9-]+/', ''))
          THEN 0 ELSE 1 END,
        'name': REGEXP_REPLACE(
          REGEXP_REPLACE(LOWER(e.key), '^((k8s-label|userattribute|accounttag|costcategory)/)?((user|label)[:_/])?', ''),
          '[^a-z0-9]+', '_', 'g'
        ),
        'given': e.key,
        'value': TRIM(e.value)
      }
    )) AS tag_list
  FROM source_tags
  WHERE tag_set IS NOT NULL
)
SELECT
  tag_set,
  CAST(ROW_NUMBER() OVER (ORDER BY tag_set) + (SELECT COALESCE(MAX(tag_set_id), 0) FROM part.tag_sets) AS INTEGER)
    AS tag_set_id,
  Tags,
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
FROM listed
