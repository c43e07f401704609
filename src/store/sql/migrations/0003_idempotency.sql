R"sql(
-- What came of requests under an Idempotency-Key; scope and body are digests.
CREATE TABLE idempotency (
  scope TEXT NOT NULL PRIMARY KEY,
  body TEXT NOT NULL,
  made_at BIGINT NOT NULL,
  status BIGINT NOT NULL,
  resource TEXT NOT NULL,
  task TEXT NOT NULL,
  generation BIGINT NOT NULL,
  token TEXT NOT NULL,
  process BIGINT NOT NULL,
  expires_at BIGINT,
  limit_at BIGINT,
  clamped BIGINT NOT NULL
) {clustered};
CREATE INDEX idempotency_by_age ON idempotency (made_at);
)sql"
