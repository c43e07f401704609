R"sql(
-- A sandbox may be put to sleep after so many quiet seconds; 0: never.
ALTER TABLE sandbox ADD COLUMN standby_seconds BIGINT NOT NULL DEFAULT 0;
ALTER TABLE archive ADD COLUMN standby_seconds BIGINT NOT NULL DEFAULT 0;
)sql"
