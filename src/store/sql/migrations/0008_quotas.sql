R"sql(
-- A limit that is NULL is none.
ALTER TABLE workspace ADD COLUMN quota_sandboxes BIGINT;
ALTER TABLE workspace ADD COLUMN quota_cpus DOUBLE PRECISION;
ALTER TABLE workspace ADD COLUMN quota_memory_mb BIGINT;
ALTER TABLE workspace ADD COLUMN quota_disk_mb BIGINT;
ALTER TABLE workspace ADD COLUMN quota_archive_bytes BIGINT;

-- What a sandbox still has of it: compute until its processes are gone, storage until its bytes are.
ALTER TABLE sandbox ADD COLUMN holds_compute BIGINT NOT NULL DEFAULT 1;
ALTER TABLE sandbox ADD COLUMN holds_storage BIGINT NOT NULL DEFAULT 1;
UPDATE sandbox
SET holds_compute = 0
WHERE id IN (SELECT id FROM resource WHERE kind = 'sandbox' AND state IN ('stopped', 'failed', 'gone'));
UPDATE sandbox
SET holds_storage = 0
WHERE id IN (SELECT id FROM resource WHERE kind = 'sandbox' AND state = 'gone');

-- How fast a key may call; NULL is as the installation says.
ALTER TABLE api_key ADD COLUMN rate_per_second DOUBLE PRECISION;
ALTER TABLE api_key ADD COLUMN rate_burst DOUBLE PRECISION;
)sql"
