"""The bad input that AWS's bills must survive: every item by the test that holds it."""

from __future__ import annotations

import ast

import pytest

from tests.conftest import ROOT

EXPORTS, ROWS, S3, REAL = "test_aws_exports", "test_aws_bad_rows", "test_s3", "test_seaweed"

ITEMS = {
    "overwrite during a read": ("test_overwriting", "test_while_an_export_is_overwritten_only_whole_versions_are_read"),
    "data new and manifest old": (EXPORTS, "test_data_younger_than_its_manifest"),
    "three full copies of a month": (EXPORTS, "test_three_full_copies_of_a_month_count_once"),
    "chunk count shrinks and an orphan stays": (EXPORTS, "test_an_orphan_chunk_is_not_read"),
    "mixed case of the partition key": (EXPORTS, "test_periods_in_both_cases_of_the_partition_key_within_one_export"),
    "per-execution manifests": (EXPORTS, "test_a_manifest_of_one_execution_is_no_period_s"),
    "-FOCUS manifests": (EXPORTS, "test_a_sibling_focus_manifest_is_ignored"),
    "manifest invalid or with no data files": (EXPORTS, "test_a_bad_manifest_leaves_the_old_charges"),
    "a listed file missing": (EXPORTS, "test_a_listed_file_is_missing"),
    "a listed file forbidden": (S3, "test_forbidden_to_read_a_listed_file"),
    "replica bucket": (EXPORTS, "test_a_replica_s_manifest_names_the_original_bucket"),
    "a column missing from the first file": (ROWS, "test_a_column_that_the_first_file_lacks"),
    "a column that is a string in one chunk and a double in the next": (
        EXPORTS,
        "test_a_cost_that_is_text_in_one_chunk_and_a_double_in_the_next",
    ),
    "duplicate map keys": ("test_aws_tags", "test_of_a_key_that_comes_twice_the_first_counts"),
    "null map and empty map": (EXPORTS, "test_null_and_empty_maps_and_tags_that_differ_by_case"),
    "user:Team beside user:team": ("test_aws_cur1", "test_a_tag_in_two_cases_is_two_tags"),
    "account ids with leading zeros": (EXPORTS, "test_account_ids_keep_their_zeros"),
    "naive, UTC and int96 timestamps, a session zone that is not UTC": (
        EXPORTS,
        "test_times_are_utc_in_whatever_type_and_session",
    ),
    "1.2E-7 costs, negatives": (ROWS, "test_tiny_costs_in_scientific_notation_and_negative_ones"),
    "closed month restated": (ROWS, "test_a_closed_month_is_restated"),
    "invoice id blank, then filled": (ROWS, "test_an_invoice_id_that_is_blank_until_the_month_closes"),
    "tax and fee rows that span the month": (ROWS, "test_tax_and_fees_span_the_month_and_end_before_the_next"),
    "the same line id on several hours": (ROWS, "test_one_line_id_on_several_hours_and_rows_that_are_the_same"),
    "two payers, a currency that is not USD": (EXPORTS, "test_two_payers_and_two_currencies_stay_apart"),
    "capacity-block refund": (ROWS, "test_a_refund_of_a_capacity_block"),
    "fractional GPUs, retired types": (
        "test_aws_gpu_hours",
        "test_fractions_of_gpus_and_retired_types_have_their_hours",
    ),
    "a type never seen": (ROWS, "test_a_gpu_type_never_seen_has_hours_that_are_not_known"),
    "month with no partition yet": ("test_s3", "test_a_month_with_no_partition_yet_is_no_error"),
    "more than 1,000 keys": (REAL, "test_an_export_of_more_than_a_thousand_keys"),
    "keys with spaces and =": (REAL, "test_keys_with_blanks_equals_signs_and_letters_of_other_alphabets"),
    "truncated gzip": (EXPORTS, "test_a_truncated_gzip"),
    "parquet of no rows": (EXPORTS, "test_an_export_without_rows"),
    "unchanged manifest (no work)": (S3, "test_an_unchanged_refresh_of_twelve_periods_reads_no_file"),
    "two runs at once": ("../test_publication", "test_a_second_run_at_the_same_time_is_refused"),
    "duplicate series": ("../gpus/test_states", "test_copies_of_a_device_for_several_pods_count_once"),
    "metric gaps": ("../gpus/test_states", "test_dropping_samples_moves_idle_time_by_little"),
}
"""Not in this version, which reads no CloudWatch: 800 % utilization, throttling of metrics."""


@pytest.mark.parametrize("item", ITEMS)
def test_the_item_has_a_test(item: str) -> None:
    module, test = ITEMS[item]
    tree = ast.parse((ROOT / "tests/sources" / f"{module}.py").read_text(encoding="utf-8"))
    assert test in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
