"""The bad input that Google's bills must survive: every item of the reference by the test that holds it."""

from __future__ import annotations

import ast

import pytest

from tests.conftest import ROOT

LAWS, ROWS, COME = "test_gcp_laws", "test_gcp_bad_rows", "test_gcp_bad_deliveries"
FILES, GPUS = "test_gcp_files", "../gpus/test_states"

ITEMS = {
    "the same partition twice": (COME, "test_the_same_partition_twice"),
    "two identical legitimate rows": (ROWS, "test_two_identical_rows_are_two_charges"),
    "an old partition that grows": (COME, "test_an_old_partition_that_grows"),
    "a crash between delete and insert": (COME, "test_a_crash_between_delete_and_insert"),
    "October usage on November's invoice": (ROWS, "test_october_usage_on_november_s_invoice"),
    "October usage that comes in November": (COME, "test_october_usage_that_comes_in_november"),
    "a full negation with re-rating over two months": (COME, "test_usage_negated_and_rated_anew_over_two_months"),
    "a metadata correction (labels change, cost doesn't)": (
        COME,
        "test_a_metadata_correction_moves_labels_and_no_money",
    ),
    "tax with no project": (ROWS, "test_tax_with_no_project"),
    "rounding rows with no SKU": (ROWS, "test_rounding_rows_with_no_sku"),
    "empty and null credits": (ROWS, "test_empty_and_null_credits"),
    "several credits on one row (no fan-out)": (ROWS, "test_several_credits_on_one_row"),
    "two labels unnested (no multiplied cost)": (ROWS, "test_two_labels_unnested"),
    "rows of before 2025-07": (ROWS, "test_rows_of_before_july_2025"),
    "a new column, a missing column": (COME, "test_a_new_column_and_a_missing_one"),
    "FLOAT drift against DECIMAL": (COME, "test_floats_do_not_drift"),
    "a currency rate that changes in the month": (ROWS, "test_a_currency_rate_that_changes_in_the_month"),
    "two accounts with two currencies": (ROWS, "test_two_accounts_with_two_currencies"),
    "Pacific midnight": (ROWS, "test_pacific_midnight"),
    "daylight saving": (ROWS, "test_days_of_23_and_25_hours"),
    "the same tag direct and inherited": (ROWS, "test_the_same_tag_direct_and_inherited"),
    "one label key on project, resource and system": (ROWS, "test_one_label_key_on_project_resource_and_system"),
    "a project that moved folders": (ROWS, "test_a_project_that_moved_folders"),
    "JSONL numbers as strings": (ROWS, "test_numbers_as_text"),
    "wildcard shards, an empty shard": (COME, "test_wildcard_shards_and_an_empty_one"),
    "an overwritten object generation": ("test_gcs", "test_an_overwritten_generation_replaces_its_partition"),
    "is_unused_reservation": (ROWS, "test_an_unused_reservation"),
    "a new instance id under an old name": (ROWS, "test_a_new_instance_id_under_an_old_name"),
    "cost with no metric, metric with no cost": (COME, "test_cost_with_no_metric_and_metric_with_no_cost"),
    "kube:unallocated GPUs": (ROWS, "test_gpus_that_no_namespace_used"),
    "both exports at once, as tables": (COME, "test_both_exports_of_an_account_at_once"),
    "both exports at once, as files": (FILES, "test_the_native_and_the_other_export_of_one_account_are_not_added"),
    "marketplace rows (seller_name)": (ROWS, "test_marketplace_rows"),
    "the export switched off for days": (
        COME,
        "test_an_export_that_was_switched_off_for_days_leaves_a_gap_that_is_reported",
    ),
    "reverse-ordered points": (GPUS, "test_order_names_of_pods_and_other_gpus_change_nothing"),
    "any order, any split, any number of loads": (
        LAWS,
        "test_partitions_in_any_order_split_and_number_of_loads_come_to_one_result",
    ),
    "a stream that dies midway": (
        "test_gcp_bigquery_reading",
        "test_a_stream_that_dies_at_any_offset_gives_each_row_once",
    ),
    "429": ("test_gcp_bigquery_reading", "test_what_passes_is_tried_again"),
    "an expired page token": ("test_gcp_bigquery_reading", "test_a_page_token_that_expires_starts_the_partition_anew"),
    "PERMISSION_DENIED on one account of three": (
        "../clouds/test_gcp_refreshing",
        "test_permission_denied_on_one_account_of_three_leaves_the_others",
    ),
    "PERMISSION_DENIED on one of several accounts": (
        "test_gcp_bigquery",
        "test_one_account_that_refuses_leaves_the_others_alone",
    ),
    "dataset in another location": ("test_gcp_bigquery_reading", "test_a_dataset_in_another_location_is_asked_there"),
}


@pytest.mark.parametrize("item", ITEMS)
def test_the_item_has_a_test(item: str) -> None:
    module, test = ITEMS[item]
    tree = ast.parse((ROOT / "tests/sources" / f"{module}.py").read_text(encoding="utf-8"))
    assert test in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
