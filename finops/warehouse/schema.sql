-- What the warehouse remembers from run to run. Everything else is built anew by one SELECT a table.
CREATE SCHEMA IF NOT EXISTS focus;
CREATE SCHEMA IF NOT EXISTS lifecycle;
CREATE SCHEMA IF NOT EXISTS ledger;
CREATE SCHEMA IF NOT EXISTS spend;
CREATE SCHEMA IF NOT EXISTS gpu;
CREATE SCHEMA IF NOT EXISTS budget;
CREATE SCHEMA IF NOT EXISTS forecast;
CREATE SCHEMA IF NOT EXISTS gap;
CREATE SCHEMA IF NOT EXISTS alert;
CREATE SCHEMA IF NOT EXISTS quality;

CREATE TABLE IF NOT EXISTS ledger.warehouse (schema_version INTEGER NOT NULL);

CREATE TABLE IF NOT EXISTS ledger.sources (source VARCHAR PRIMARY KEY, origin VARCHAR NOT NULL);

CREATE TABLE IF NOT EXISTS ledger.units (
  source VARCHAR NOT NULL, unit VARCHAR NOT NULL, version VARCHAR NOT NULL, load VARCHAR NOT NULL,
  PRIMARY KEY (source, unit)
);

CREATE TABLE IF NOT EXISTS ledger.files (
  file_id INTEGER NOT NULL, source VARCHAR NOT NULL, unit VARCHAR NOT NULL, load VARCHAR NOT NULL,
  file VARCHAR NOT NULL, reporting_currency VARCHAR NOT NULL
);

CREATE TABLE IF NOT EXISTS ledger.loads (
  load_id VARCHAR PRIMARY KEY, source VARCHAR NOT NULL, unit VARCHAR NOT NULL, billing_period VARCHAR,
  version VARCHAR NOT NULL, loaded_at TIMESTAMPTZ NOT NULL, row_count BIGINT, billed_total DECIMAL(38,18),
  currency VARCHAR, status VARCHAR NOT NULL, reason VARCHAR
);

CREATE TABLE IF NOT EXISTS ledger.left_out (
  load_id VARCHAR NOT NULL, source VARCHAR NOT NULL, unit VARCHAR NOT NULL, reason VARCHAR NOT NULL,
  row_count BIGINT NOT NULL, source_total DECIMAL(38,18), currency VARCHAR,
  added BOOLEAN  -- a row of our own (a commitment's unused part) that came to nothing: the source has none
);

CREATE TABLE IF NOT EXISTS ledger.added (  -- charges that a normaliser made besides the source's own rows
  load_id VARCHAR NOT NULL, source VARCHAR NOT NULL, unit VARCHAR NOT NULL, row_count BIGINT NOT NULL,
  billed_total DECIMAL(38,18), currency VARCHAR
);

CREATE TABLE IF NOT EXISTS ledger.source_totals (
  source VARCHAR NOT NULL, unit VARCHAR NOT NULL, billing_period VARCHAR NOT NULL, currency VARCHAR NOT NULL,
  row_count BIGINT NOT NULL, billed_total DECIMAL(38,18) NOT NULL, residual DECIMAL(38,18) NOT NULL
);

-- units of the currency that the provider reckons a dollar at, on its rows of the latest usage; null: it tells none
ALTER TABLE ledger.source_totals ADD COLUMN IF NOT EXISTS conversion_rate DECIMAL(38,18);
ALTER TABLE ledger.source_totals ADD COLUMN IF NOT EXISTS rated_at TIMESTAMPTZ;

CREATE TABLE IF NOT EXISTS ledger.commitments (  -- what the source's own fees say that a commitment cost
  source VARCHAR NOT NULL, unit VARCHAR NOT NULL, billing_period VARCHAR NOT NULL, commitment_id VARCHAR NOT NULL,
  currency VARCHAR NOT NULL, fee_rows BIGINT NOT NULL,
  cost DECIMAL(38,18)  -- billed, and the month's part of what was paid upfront; null: the fees do not tell all of it
);

CREATE TABLE IF NOT EXISTS ledger.changes (
  known_at TIMESTAMPTZ NOT NULL, source VARCHAR NOT NULL, billing_period VARCHAR NOT NULL, charge_date DATE NOT NULL,
  provider_name VARCHAR, sub_account_id VARCHAR, service_name VARCHAR, ml_stage VARCHAR, team VARCHAR,
  currency VARCHAR NOT NULL, billed_delta DECIMAL(38,18) NOT NULL, effective_delta DECIMAL(38,18) NOT NULL,
  cause VARCHAR NOT NULL  -- delivery: the provider's; reading: our own rules or code; configuration: a source redefined
);

CREATE TABLE IF NOT EXISTS ledger.failures (
  source VARCHAR NOT NULL, unit VARCHAR NOT NULL, failed_at TIMESTAMPTZ NOT NULL, error VARCHAR NOT NULL
);

CREATE TABLE IF NOT EXISTS ledger.publications (
  published_at TIMESTAMPTZ NOT NULL, fingerprint VARCHAR NOT NULL, as_of DATE
);

CREATE TABLE IF NOT EXISTS ledger.rates (
  billing_period VARCHAR NOT NULL, currency VARCHAR NOT NULL, reporting_currency VARCHAR NOT NULL,
  rate DECIMAL(38,18) NOT NULL,  -- units of the reporting currency for one unit of the currency
  source VARCHAR NOT NULL,  -- file: the rates file's; provider: the conversion rate on the provider's own bill
  frozen_at TIMESTAMPTZ,  -- when the first publication after the month's end froze it; null while the month is open
  file_rate DECIMAL(38,18)  -- what the rates file says now: another one than a frozen rate changes nothing
);

CREATE TABLE IF NOT EXISTS focus.accounts (
  account_id VARCHAR, account_name VARCHAR, provider VARCHAR, currency VARCHAR, parent_id VARCHAR, is_open BOOLEAN,
  asked_on DATE
);

CREATE TABLE IF NOT EXISTS focus.lacking (  -- what FOCUS files lack of what their version calls mandatory
  source VARCHAR NOT NULL, unit VARCHAR NOT NULL, provider_name VARCHAR, focus_version VARCHAR NOT NULL,
  column_name VARCHAR NOT NULL, has_column BOOLEAN NOT NULL, null_count BIGINT NOT NULL, row_count BIGINT NOT NULL
);

CREATE TABLE IF NOT EXISTS focus.sku_prices (
  sku_id VARCHAR, service_id VARCHAR, service_name VARCHAR, sku_description VARCHAR, resource_group VARCHAR,
  usage_type VARCHAR, regions VARCHAR[], pricing_unit VARCHAR, tier_start DECIMAL(38,18), list_price DECIMAL(38,18),
  currency VARCHAR, effective_from TIMESTAMPTZ, asked_on DATE
);

CREATE TABLE IF NOT EXISTS lifecycle.rules (
  rule_id VARCHAR PRIMARY KEY, stage VARCHAR NOT NULL, confidence DECIMAL(3,2) NOT NULL
);

CREATE TABLE IF NOT EXISTS lifecycle.stages (stage VARCHAR PRIMARY KEY, phase VARCHAR NOT NULL, description VARCHAR);

CREATE TABLE IF NOT EXISTS quality.checks (
  check_name VARCHAR NOT NULL, scope VARCHAR NOT NULL, passed BOOLEAN NOT NULL, expected VARCHAR, actual VARCHAR,
  difference VARCHAR, blocking BOOLEAN NOT NULL, checked_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE IF NOT EXISTS quality.failing (check_name VARCHAR NOT NULL, failing VARCHAR NOT NULL);  -- rows, as JSON

CREATE TABLE IF NOT EXISTS alert.events (
  alert_id VARCHAR PRIMARY KEY, kind VARCHAR NOT NULL, subject VARCHAR NOT NULL, state VARCHAR NOT NULL,
  first_seen TIMESTAMPTZ NOT NULL, last_sent TIMESTAMPTZ, channel VARCHAR, message VARCHAR NOT NULL
);

CREATE OR REPLACE MACRO ledger.cost_as_of(ts) AS TABLE
  SELECT billing_period, charge_date, provider_name, sub_account_id, service_name, ml_stage, team, currency,
    SUM(billed_delta) AS billed_cost, SUM(effective_delta) AS effective_cost
  FROM ledger.changes
  WHERE known_at <= ts
  GROUP BY ALL
  HAVING SUM(billed_delta) <> 0 OR SUM(effective_delta) <> 0;
