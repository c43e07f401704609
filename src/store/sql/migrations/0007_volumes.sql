R"sql(
CREATE TABLE volume (
  id TEXT NOT NULL PRIMARY KEY,
  size_mb BIGINT NOT NULL,
  layer BIGINT NOT NULL,
  restored_from TEXT NOT NULL,
  maker BIGINT NOT NULL,
  caveats TEXT NOT NULL,
  cleanup_task TEXT NOT NULL
) {clustered};
CREATE INDEX volume_in_work ON volume (restored_from) WHERE maker <> 0;

-- What living sandboxes mount, for whoever looks from the volume's side; the rows go with the sandbox, whose own list
-- stays in its row.
CREATE TABLE sandbox_mount (
  volume TEXT NOT NULL,
  sandbox TEXT NOT NULL,
  path TEXT NOT NULL,
  read_only BIGINT NOT NULL,
  PRIMARY KEY (volume, sandbox, path)
) {clustered};
CREATE INDEX sandbox_mount_by_sandbox ON sandbox_mount (sandbox);
ALTER TABLE sandbox ADD COLUMN mounts TEXT NOT NULL DEFAULT '[]';
)sql"
