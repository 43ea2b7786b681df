"""The tables of the store, as SQLAlchemy sees them. SQL keeps the names people know.

Nothing here creates anything: the migrations do, and a test compares the two.

`predictions` holds one representation for every model: numbers in `numerics`, category codes in
`categories`, long strings in `texts`; the schema version says which position is which column
(`mondrift.store.records`). It is range-partitioned by day, `labels` by month, `prediction_keys` by
hash; partitions carry no foreign keys, because a trigger per row would halve the ingest rate.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Interval,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, DOUBLE_PRECISION, JSON, UUID

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    }
)


def _moment(name: str, *, nullable: bool = True) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=nullable)


def _model() -> Column[int]:
    return Column("model", Integer, ForeignKey("models.model"), nullable=False)


def _label_no() -> Column[int]:
    """Order of arrival, shared by `labels` and `waiting_labels`: on equal times the last wins."""
    return Column(
        "label_no",
        BigInteger,
        primary_key=True,
        autoincrement=False,
        server_default=text("nextval('label_numbers')"),
    )


#: One row: which store this is. Namespaces the cache, so that two stores may share one Redis.
store_info = Table(
    "store_info",
    metadata,
    Column("store_id", UUID(as_uuid=True), primary_key=True),
    _moment("created_at", nullable=False),
)

models = Table(
    "models",
    metadata,
    Column("model", Integer, Identity(always=True), primary_key=True),
    Column("model_id", Text, nullable=False, unique=True),
    Column("task", Text, nullable=False),
    Column("clock", Text, nullable=False),
    Column("label_delay", Interval),
    # Grows with every stored check and baseline: part of every cache key, so none is ever stale.
    Column("results_version", BigInteger, nullable=False, server_default="0"),
    _moment("created_at", nullable=False),
)

model_schemas = Table(
    "model_schemas",
    metadata,
    Column("model", Integer, ForeignKey("models.model"), primary_key=True),
    Column("schema_version", Integer, primary_key=True, autoincrement=False),
    Column("declared", JSON, nullable=False),
    # The declared schema with the kind of every column; NULL until the first rows complete it.
    Column("fitted", JSON),
    # Columns by position in `numerics`, `categories` and `texts`: for the view and for psql.
    Column("numeric_names", ARRAY(Text)),
    Column("numeric_kinds", ARRAY(Text)),
    Column("category_names", ARRAY(Text)),
    Column("text_names", ARRAY(Text)),
    Column("prediction_levels", Text),  # whose levels `prediction` and `ground_truth` are codes of
    Column("version_levels", Text),  # whose levels `version` is a code of
    _moment("created_at", nullable=False),
)

category_levels = Table(
    "category_levels",
    metadata,
    Column("model", Integer, ForeignKey("models.model"), primary_key=True),
    Column("column_name", Text, primary_key=True),
    Column("code", Integer, primary_key=True, autoincrement=False),
    Column("level", Text, nullable=False),
    UniqueConstraint("model", "column_name", "level"),
)


def _row_values() -> list[Column[object]]:
    """What is kept of a row besides its key: the same in `predictions` and in baseline samples."""
    return [
        Column("schema_version", Integer, nullable=False),
        Column("prediction", DOUBLE_PRECISION),
        Column("probabilities", ARRAY(DOUBLE_PRECISION)),
        Column("latency_ms", DOUBLE_PRECISION),
        Column("version", Integer),
        Column("numerics", ARRAY(DOUBLE_PRECISION), nullable=False),
        Column("categories", ARRAY(Integer), nullable=False),
        Column("texts", ARRAY(Text)),
        Column("ground_truth", DOUBLE_PRECISION),
    ]


predictions = Table(
    "predictions",
    metadata,
    Column("model", Integer, primary_key=True, autoincrement=False),
    Column("timestamp", DateTime(timezone=True), primary_key=True),
    Column("id", Text(collation="C"), primary_key=True),
    *_row_values(),
    _moment("labelled_at"),
    postgresql_partition_by="RANGE (timestamp)",
)

prediction_keys = Table(
    "prediction_keys",
    metadata,
    Column("model", Integer, primary_key=True, autoincrement=False),
    Column("id", Text(collation="C"), primary_key=True),
    _moment("timestamp", nullable=False),
    Column("row_hash", BigInteger, nullable=False),
    postgresql_partition_by="HASH (id)",
)

labels = Table(
    "labels",
    metadata,
    Column("model", Integer, primary_key=True, autoincrement=False),
    Column("prediction_ts", DateTime(timezone=True), primary_key=True),
    Column("prediction_id", Text(collation="C"), primary_key=True),
    _label_no(),
    Column("value", DOUBLE_PRECISION, nullable=False),
    _moment("received_at", nullable=False),
    postgresql_partition_by="RANGE (prediction_ts)",
)

waiting_labels = Table(
    "waiting_labels",
    metadata,
    _label_no(),
    _model(),
    Column("prediction_id", Text(collation="C"), nullable=False),
    Column("value", DOUBLE_PRECISION, nullable=False),
    _moment("received_at", nullable=False),
    Index(None, "model", "prediction_id"),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("entry", BigInteger, Identity(always=True), primary_key=True),
    _model(),
    Column("part", Text, nullable=False),
    Column("reason", Text, nullable=False),
    # JSON, not JSONB: it keeps what JSONB refuses, such as \u0000.
    Column("row", JSON, nullable=False),
    _moment("received_at", nullable=False),
    Column("tries", Integer, nullable=False, server_default="0"),  # replays that failed
    # A hash of part and row where the row says its id: such a row is kept once. Else NULL.
    Column("content", Text),
    UniqueConstraint("model", "content"),
    Index(None, "model", "received_at"),
)

baseline_versions = Table(
    "baseline_versions",
    metadata,
    Column("baseline", Integer, Identity(always=True), primary_key=True),
    _model(),
    Column("version", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("n", BigInteger, nullable=False),
    Column("sampled", Integer, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("windows", JSON, nullable=False),
    Column("content_hash", Text, nullable=False),
    _moment("created_at", nullable=False),
    UniqueConstraint("model", "version"),
)

baselines = Table(
    "baselines",
    metadata,
    Column("baseline", Integer, ForeignKey("baseline_versions.baseline"), primary_key=True),
    Column("feature", Text, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("role", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("n", BigInteger, nullable=False),
    Column("missing", BigInteger, nullable=False),
    Column("statistics", JSON, nullable=False),
)

baseline_samples = Table(
    "baseline_samples",
    metadata,
    Column("baseline", Integer, ForeignKey("baseline_versions.baseline"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    _moment("timestamp"),
    Column("id", Text(collation="C")),
    *_row_values(),
)

runs = Table(
    "runs",
    metadata,
    Column("run_id", Text(collation="C"), primary_key=True),
    Column("monitor", Text, nullable=False),
    _model(),
    Column("config_hash", Text, nullable=False),
    Column("config", JSON, nullable=False),
    _moment("window_start", nullable=False),
    _moment("window_end", nullable=False),
    Column("revision", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("row_watermark", BigInteger, nullable=False),
    Column("label_watermark", BigInteger, nullable=False),
    Column("reference_watermark", BigInteger),
    _moment("started_at", nullable=False),
    _moment("checked_at"),
    _moment("finished_at"),
    Column("status", Text),
    Column("comparison", JSON),
    Column("verdict", JSON),
    Column("report", Text),
    Column("error", Text),
    UniqueConstraint("monitor", "config_hash", "window_start", "window_end", "revision"),
    Index(None, "model", "window_start"),
)


def _run() -> Column[str]:
    return Column("run_id", Text(collation="C"), ForeignKey("runs.run_id"), primary_key=True)


drift_results = Table(
    "drift_results",
    metadata,
    _run(),
    Column("position", Integer, primary_key=True, autoincrement=False),
    _model(),
    _moment("window_start", nullable=False),
    _moment("window_end", nullable=False),
    Column("family", Text, nullable=False),
    Column("segment", Text, nullable=False),
    Column("feature", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("test_type", Text, nullable=False),
    Column("statistic", DOUBLE_PRECISION),
    Column("p_value", DOUBLE_PRECISION),
    Column("adjusted_p_value", DOUBLE_PRECISION),
    Column("low", DOUBLE_PRECISION),
    Column("high", DOUBLE_PRECISION),
    Column("n_reference", BigInteger, nullable=False),
    Column("n_current", BigInteger, nullable=False),
    Column("status", Text, nullable=False),
    Column("is_drifted", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Index(None, "model", "window_start"),
    Index(None, "model", "feature", "test_type", "window_start"),
)

performance_metrics = Table(
    "performance_metrics",
    metadata,
    _run(),
    Column("position", Integer, primary_key=True, autoincrement=False),
    _model(),
    _moment("window_start", nullable=False),
    _moment("window_end", nullable=False),
    Column("segment", Text, nullable=False),
    Column("sample_count", BigInteger, nullable=False),
    Column("accuracy", DOUBLE_PRECISION),
    Column("precision", DOUBLE_PRECISION),
    Column("recall", DOUBLE_PRECISION),
    Column("f1", DOUBLE_PRECISION),
    Column("roc_auc", DOUBLE_PRECISION),
    Column("brier", DOUBLE_PRECISION),
    Column("mae", DOUBLE_PRECISION),
    Column("rmse", DOUBLE_PRECISION),
    # Every measurement of the family, in the order of the comparison, with interval and status.
    Column("measurements", JSON, nullable=False),
    Index(None, "model", "window_start"),
)

incidents = Table(
    "incidents",
    metadata,
    Column("model", Integer, ForeignKey("models.model"), primary_key=True),
    Column("monitor", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("opened_at", DateTime(timezone=True), primary_key=True),
    Column("severity", Text, nullable=False),
    Column("title", Text, nullable=False),
    _moment("seen_at", nullable=False),
    Column("told", Text),
    Column("calm", Integer, nullable=False),
    _moment("closed_at"),
)

alerts = Table(
    "alerts",
    metadata,
    Column("alert", BigInteger, Identity(always=True), primary_key=True),
    Column("run_id", Text(collation="C"), ForeignKey("runs.run_id")),
    _model(),
    Column("kind", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("payload", JSON, nullable=False),
    _moment("created_at", nullable=False),
    Index(None, "model", "created_at"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("delivery", BigInteger, Identity(always=True), primary_key=True),
    Column("alert", BigInteger, ForeignKey("alerts.alert"), nullable=False),
    Column("channel", Text, nullable=False),
    Column("payload", JSON, nullable=False),
    Column("idempotency_key", Text, nullable=False, unique=True),
    Column("state", Text, nullable=False),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    _moment("next_attempt_at", nullable=False),
    Column("last_error", Text),
    _moment("created_at", nullable=False),
    _moment("sent_at"),
    Index("outbox_due_idx", "next_attempt_at", postgresql_where=text("state = 'pending'")),
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("entry", BigInteger, Identity(always=True), primary_key=True),
    Column("model", Integer, ForeignKey("models.model")),
    _moment("at", nullable=False),
    Column("who", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("before", JSON),
    Column("after", JSON),
    Index(None, "model", "at"),
)
