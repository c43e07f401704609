R"sql(
-- A runtime is durable; the sandbox is its newest one, which may have ended.
CREATE TABLE runtime (
  id TEXT NOT NULL PRIMARY KEY,
  title TEXT NOT NULL,
  description TEXT NOT NULL,
  project TEXT NOT NULL,
  owner TEXT NOT NULL,
  image TEXT NOT NULL,
  image_digest TEXT NOT NULL,
  cpus DOUBLE PRECISION NOT NULL,
  memory_mb BIGINT NOT NULL,
  pids BIGINT NOT NULL,
  disk_mb BIGINT NOT NULL,
  env TEXT NOT NULL,
  workdir TEXT NOT NULL,
  excluded_paths TEXT NOT NULL,
  restore_from TEXT NOT NULL,
  network TEXT NOT NULL,
  standby_seconds BIGINT NOT NULL,
  sandbox_labels TEXT NOT NULL,
  timeout BIGINT NOT NULL,
  on_timeout TEXT NOT NULL,
  port BIGINT NOT NULL,
  document TEXT NOT NULL,
  config_version BIGINT NOT NULL,
  config_digest TEXT NOT NULL,
  requested_limit BIGINT,
  sandbox TEXT NOT NULL,
  sandbox_digest TEXT NOT NULL,
  sandbox_requested BIGINT,
  sandbox_level TEXT NOT NULL,
  cleanup_task TEXT NOT NULL
) {clustered};

-- When an event tells that the end is near; and how often a sandbox was halted, since what was granted before is over.
ALTER TABLE lifetime ADD COLUMN warn TEXT NOT NULL DEFAULT '';
ALTER TABLE sandbox ADD COLUMN halts BIGINT NOT NULL DEFAULT 0;
)sql"
