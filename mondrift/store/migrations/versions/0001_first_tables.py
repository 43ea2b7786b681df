"""The first tables.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_KEY_PARTITIONS = 16

_PREDICTIONS_JSON = """
CREATE VIEW predictions_json AS
SELECT m.model_id, p.id, p.timestamp,
  (SELECT json_object_agg(f.name, f.value) FROM (
     SELECT n.name, CASE
         WHEN n.value = 'NaN' THEN NULL
         WHEN n.kind = 'boolean' THEN to_json(n.value <> 0)
         WHEN n.kind = 'datetime' THEN to_json(to_timestamp(n.value / 1e6))
         ELSE to_json(n.value) END AS value
       FROM unnest(s.numeric_names, s.numeric_kinds, p.numerics) AS n(name, kind, value)
     UNION ALL
     SELECT c.name, to_json(l.level)
       FROM unnest(s.category_names, p.categories) AS c(name, code)
       LEFT JOIN category_levels l
         ON l.model = p.model AND l.column_name = c.name AND l.code = c.code
     UNION ALL
     SELECT t.name, to_json(t.value) FROM unnest(s.text_names, p.texts) AS t(name, value)
   ) AS f) AS features_json,
  coalesce(of_prediction.level, p.prediction::text) AS prediction,
  p.probabilities,
  p.latency_ms,
  of_version.level AS version,
  coalesce(of_truth.level, p.ground_truth::text) AS ground_truth,
  p.labelled_at
FROM predictions p
JOIN models m ON m.model = p.model
JOIN model_schemas s ON s.model = p.model AND s.schema_version = p.schema_version
LEFT JOIN category_levels of_prediction
  ON of_prediction.model = p.model AND of_prediction.column_name = s.prediction_levels
  AND of_prediction.code = CASE WHEN s.prediction_levels IS NOT NULL THEN p.prediction::int END
LEFT JOIN category_levels of_truth
  ON of_truth.model = p.model AND of_truth.column_name = s.prediction_levels
  AND of_truth.code = CASE WHEN s.prediction_levels IS NOT NULL THEN p.ground_truth::int END
LEFT JOIN category_levels of_version
  ON of_version.model = p.model AND of_version.column_name = s.version_levels
  AND of_version.code = p.version
"""


def upgrade() -> None:
    """Create everything in an empty database."""
    op.execute("CREATE SEQUENCE label_numbers")
    op.create_table(
        "labels",
        sa.Column("model", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("prediction_ts", sa.DateTime(timezone=True), nullable=False),
        sa.Column("prediction_id", sa.Text(collation="C"), nullable=False),
        sa.Column(
            "label_no",
            sa.BigInteger(),
            server_default=sa.text("nextval('label_numbers')"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("value", sa.DOUBLE_PRECISION(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(
            "model", "prediction_ts", "prediction_id", "label_no", name=op.f("labels_pkey")
        ),
        postgresql_partition_by="RANGE (prediction_ts)",
    )
    op.create_table(
        "models",
        sa.Column("model", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("model_id", sa.Text(), nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("clock", sa.Text(), nullable=False),
        sa.Column("label_delay", sa.Interval(), nullable=True),
        sa.Column("results_version", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("model", name=op.f("models_pkey")),
        sa.UniqueConstraint("model_id", name=op.f("models_model_id_key")),
    )
    op.create_table(
        "prediction_keys",
        sa.Column("model", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("timestamp", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_hash", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("model", "id", name=op.f("prediction_keys_pkey")),
        postgresql_partition_by="HASH (id)",
    )
    op.create_table(
        "predictions",
        sa.Column("model", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("timestamp", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("schema_version", sa.Integer(), nullable=False),
        sa.Column("prediction", sa.DOUBLE_PRECISION(), nullable=True),
        sa.Column("probabilities", postgresql.ARRAY(sa.DOUBLE_PRECISION()), nullable=True),
        sa.Column("latency_ms", sa.DOUBLE_PRECISION(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("numerics", postgresql.ARRAY(sa.DOUBLE_PRECISION()), nullable=False),
        sa.Column("categories", postgresql.ARRAY(sa.Integer()), nullable=False),
        sa.Column("texts", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("ground_truth", sa.DOUBLE_PRECISION(), nullable=True),
        sa.Column("labelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("model", "timestamp", "id", name=op.f("predictions_pkey")),
        postgresql_partition_by="RANGE (timestamp)",
    )
    op.create_table(
        "store_info",
        sa.Column("store_id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("store_id", name=op.f("store_info_pkey")),
    )
    op.create_table(
        "audit_log",
        sa.Column("entry", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("model", sa.Integer(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("before", postgresql.JSON(), nullable=True),
        sa.Column("after", postgresql.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["model"], ["models.model"], name=op.f("audit_log_model_fkey")),
        sa.PrimaryKeyConstraint("entry", name=op.f("audit_log_pkey")),
    )
    op.create_index(op.f("audit_log_model_at_idx"), "audit_log", ["model", "at"], unique=False)
    op.create_table(
        "baseline_versions",
        sa.Column("baseline", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("model", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("sampled", sa.Integer(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("windows", postgresql.JSON(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["model"], ["models.model"], name=op.f("baseline_versions_model_fkey")
        ),
        sa.PrimaryKeyConstraint("baseline", name=op.f("baseline_versions_pkey")),
        sa.UniqueConstraint("model", "version", name=op.f("baseline_versions_model_version_key")),
    )
    op.create_table(
        "category_levels",
        sa.Column("model", sa.Integer(), nullable=False),
        sa.Column("column_name", sa.Text(), nullable=False),
        sa.Column("code", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model"], ["models.model"], name=op.f("category_levels_model_fkey")
        ),
        sa.PrimaryKeyConstraint("model", "column_name", "code", name=op.f("category_levels_pkey")),
        sa.UniqueConstraint(
            "model",
            "column_name",
            "level",
            name=op.f("category_levels_model_column_name_level_key"),
        ),
    )
    op.create_table(
        "incidents",
        sa.Column("model", sa.Integer(), nullable=False),
        sa.Column("monitor", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told", sa.Text(), nullable=True),
        sa.Column("calm", sa.Integer(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["model"], ["models.model"], name=op.f("incidents_model_fkey")),
        sa.PrimaryKeyConstraint(
            "model", "monitor", "kind", "opened_at", name=op.f("incidents_pkey")
        ),
    )
    op.create_table(
        "model_schemas",
        sa.Column("model", sa.Integer(), nullable=False),
        sa.Column("schema_version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("declared", postgresql.JSON(), nullable=False),
        sa.Column("fitted", postgresql.JSON(), nullable=True),
        sa.Column("numeric_names", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("numeric_kinds", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("category_names", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("text_names", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("prediction_levels", sa.Text(), nullable=True),
        sa.Column("version_levels", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["model"], ["models.model"], name=op.f("model_schemas_model_fkey")),
        sa.PrimaryKeyConstraint("model", "schema_version", name=op.f("model_schemas_pkey")),
    )
    op.create_table(
        "quarantine",
        sa.Column("entry", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("model", sa.Integer(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("row", postgresql.JSON(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["model"], ["models.model"], name=op.f("quarantine_model_fkey")),
        sa.PrimaryKeyConstraint("entry", name=op.f("quarantine_pkey")),
    )
    op.create_index(
        op.f("quarantine_model_received_at_idx"),
        "quarantine",
        ["model", "received_at"],
        unique=False,
    )
    op.create_table(
        "runs",
        sa.Column("run_id", sa.Text(collation="C"), nullable=False),
        sa.Column("monitor", sa.Text(), nullable=False),
        sa.Column("model", sa.Integer(), nullable=False),
        sa.Column("config_hash", sa.Text(), nullable=False),
        sa.Column("config", postgresql.JSON(), nullable=False),
        sa.Column("window_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("window_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("row_watermark", sa.BigInteger(), nullable=False),
        sa.Column("label_watermark", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("comparison", postgresql.JSON(), nullable=True),
        sa.Column("verdict", postgresql.JSON(), nullable=True),
        sa.Column("report", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["model"], ["models.model"], name=op.f("runs_model_fkey")),
        sa.PrimaryKeyConstraint("run_id", name=op.f("runs_pkey")),
        sa.UniqueConstraint(
            "monitor",
            "config_hash",
            "window_start",
            "window_end",
            "revision",
            name=op.f("runs_monitor_config_hash_window_start_window_end_revision_key"),
        ),
    )
    op.create_index(
        op.f("runs_model_window_start_idx"), "runs", ["model", "window_start"], unique=False
    )
    op.create_table(
        "waiting_labels",
        sa.Column(
            "label_no",
            sa.BigInteger(),
            server_default=sa.text("nextval('label_numbers')"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("model", sa.Integer(), nullable=False),
        sa.Column("prediction_id", sa.Text(collation="C"), nullable=False),
        sa.Column("value", sa.DOUBLE_PRECISION(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["model"], ["models.model"], name=op.f("waiting_labels_model_fkey")
        ),
        sa.PrimaryKeyConstraint("label_no", name=op.f("waiting_labels_pkey")),
    )
    op.create_index(
        op.f("waiting_labels_model_prediction_id_idx"),
        "waiting_labels",
        ["model", "prediction_id"],
        unique=False,
    )
    op.create_table(
        "alerts",
        sa.Column("alert", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("run_id", sa.Text(collation="C"), nullable=True),
        sa.Column("model", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("payload", postgresql.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["model"], ["models.model"], name=op.f("alerts_model_fkey")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name=op.f("alerts_run_id_fkey")),
        sa.PrimaryKeyConstraint("alert", name=op.f("alerts_pkey")),
    )
    op.create_index(
        op.f("alerts_model_created_at_idx"), "alerts", ["model", "created_at"], unique=False
    )
    op.create_table(
        "baseline_samples",
        sa.Column("baseline", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("timestamp", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Text(collation="C"), nullable=True),
        sa.Column("schema_version", sa.Integer(), nullable=False),
        sa.Column("prediction", sa.DOUBLE_PRECISION(), nullable=True),
        sa.Column("probabilities", postgresql.ARRAY(sa.DOUBLE_PRECISION()), nullable=True),
        sa.Column("latency_ms", sa.DOUBLE_PRECISION(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("numerics", postgresql.ARRAY(sa.DOUBLE_PRECISION()), nullable=False),
        sa.Column("categories", postgresql.ARRAY(sa.Integer()), nullable=False),
        sa.Column("texts", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("ground_truth", sa.DOUBLE_PRECISION(), nullable=True),
        sa.ForeignKeyConstraint(
            ["baseline"],
            ["baseline_versions.baseline"],
            name=op.f("baseline_samples_baseline_fkey"),
        ),
        sa.PrimaryKeyConstraint("baseline", "position", name=op.f("baseline_samples_pkey")),
    )
    op.create_table(
        "baselines",
        sa.Column("baseline", sa.Integer(), nullable=False),
        sa.Column("feature", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("missing", sa.BigInteger(), nullable=False),
        sa.Column("statistics", postgresql.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["baseline"], ["baseline_versions.baseline"], name=op.f("baselines_baseline_fkey")
        ),
        sa.PrimaryKeyConstraint("baseline", "feature", name=op.f("baselines_pkey")),
    )
    op.create_table(
        "drift_results",
        sa.Column("run_id", sa.Text(collation="C"), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("model", sa.Integer(), nullable=False),
        sa.Column("window_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("window_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("segment", sa.Text(), nullable=False),
        sa.Column("feature", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("test_type", sa.Text(), nullable=False),
        sa.Column("statistic", sa.DOUBLE_PRECISION(), nullable=True),
        sa.Column("p_value", sa.DOUBLE_PRECISION(), nullable=True),
        sa.Column("adjusted_p_value", sa.DOUBLE_PRECISION(), nullable=True),
        sa.Column("low", sa.DOUBLE_PRECISION(), nullable=True),
        sa.Column("high", sa.DOUBLE_PRECISION(), nullable=True),
        sa.Column("n_reference", sa.BigInteger(), nullable=False),
        sa.Column("n_current", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("is_drifted", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["model"], ["models.model"], name=op.f("drift_results_model_fkey")),
        sa.ForeignKeyConstraint(
            ["run_id"], ["runs.run_id"], name=op.f("drift_results_run_id_fkey")
        ),
        sa.PrimaryKeyConstraint("run_id", "position", name=op.f("drift_results_pkey")),
    )
    op.create_index(
        op.f("drift_results_model_feature_test_type_window_start_idx"),
        "drift_results",
        ["model", "feature", "test_type", "window_start"],
        unique=False,
    )
    op.create_index(
        op.f("drift_results_model_window_start_idx"),
        "drift_results",
        ["model", "window_start"],
        unique=False,
    )
    op.create_table(
        "performance_metrics",
        sa.Column("run_id", sa.Text(collation="C"), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("model", sa.Integer(), nullable=False),
        sa.Column("window_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("window_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("segment", sa.Text(), nullable=False),
        sa.Column("sample_count", sa.BigInteger(), nullable=False),
        sa.Column("accuracy", sa.DOUBLE_PRECISION(), nullable=True),
        sa.Column("precision", sa.DOUBLE_PRECISION(), nullable=True),
        sa.Column("recall", sa.DOUBLE_PRECISION(), nullable=True),
        sa.Column("f1", sa.DOUBLE_PRECISION(), nullable=True),
        sa.Column("roc_auc", sa.DOUBLE_PRECISION(), nullable=True),
        sa.Column("brier", sa.DOUBLE_PRECISION(), nullable=True),
        sa.Column("mae", sa.DOUBLE_PRECISION(), nullable=True),
        sa.Column("rmse", sa.DOUBLE_PRECISION(), nullable=True),
        sa.Column("measurements", postgresql.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model"], ["models.model"], name=op.f("performance_metrics_model_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["runs.run_id"], name=op.f("performance_metrics_run_id_fkey")
        ),
        sa.PrimaryKeyConstraint("run_id", "position", name=op.f("performance_metrics_pkey")),
    )
    op.create_index(
        op.f("performance_metrics_model_window_start_idx"),
        "performance_metrics",
        ["model", "window_start"],
        unique=False,
    )
    op.create_table(
        "outbox",
        sa.Column("delivery", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("alert", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("payload", postgresql.JSON(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["alert"], ["alerts.alert"], name=op.f("outbox_alert_fkey")),
        sa.PrimaryKeyConstraint("delivery", name=op.f("outbox_pkey")),
        sa.UniqueConstraint("idempotency_key", name=op.f("outbox_idempotency_key_key")),
    )
    op.create_index(
        "outbox_due_idx",
        "outbox",
        ["next_attempt_at"],
        unique=False,
        postgresql_where=sa.text("state = 'pending'"),
    )
    for part in range(_KEY_PARTITIONS):
        op.execute(
            f"CREATE TABLE prediction_keys_{part} PARTITION OF prediction_keys "
            f"FOR VALUES WITH (MODULUS {_KEY_PARTITIONS}, REMAINDER {part})"
        )
    op.execute(_PREDICTIONS_JSON)
    op.execute("INSERT INTO store_info (store_id, created_at) VALUES (gen_random_uuid(), now())")
