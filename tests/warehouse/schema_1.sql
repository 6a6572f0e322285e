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

CREATE TABLE IF NOT EXISTS ledger.loads (
  load_id VARCHAR PRIMARY KEY, source VARCHAR NOT NULL, unit VARCHAR NOT NULL, billing_period VARCHAR,
  version VARCHAR NOT NULL, loaded_at TIMESTAMPTZ NOT NULL, row_count BIGINT, billed_total DECIMAL(38,18),
  currency VARCHAR, status VARCHAR NOT NULL, reason VARCHAR
);

CREATE TABLE IF NOT EXISTS ledger.left_out (
  load_id VARCHAR NOT NULL, source VARCHAR NOT NULL, unit VARCHAR NOT NULL, reason VARCHAR NOT NULL,
  row_count BIGINT NOT NULL, source_total DECIMAL(38,18), currency VARCHAR
);

CREATE TABLE IF NOT EXISTS ledger.source_totals (
  source VARCHAR NOT NULL, unit VARCHAR NOT NULL, billing_period VARCHAR NOT NULL, currency VARCHAR NOT NULL,
  row_count BIGINT NOT NULL, billed_total DECIMAL(38,18) NOT NULL, residual DECIMAL(38,18) NOT NULL
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

CREATE TABLE IF NOT EXISTS lifecycle.rules (
  rule_id VARCHAR PRIMARY KEY, stage VARCHAR NOT NULL, confidence DECIMAL(3,2) NOT NULL
);

CREATE TABLE IF NOT EXISTS lifecycle.stages (stage VARCHAR PRIMARY KEY, phase VARCHAR NOT NULL, description VARCHAR);

CREATE TABLE IF NOT EXISTS quality.checks (
  check_name VARCHAR NOT NULL, scope VARCHAR NOT NULL, passed BOOLEAN NOT NULL, expected VARCHAR, actual VARCHAR,
  difference VARCHAR, blocking BOOLEAN NOT NULL, checked_at TIMESTAMPTZ NOT NULL
);

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
