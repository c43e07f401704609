R"sql(
-- What a sandbox reaches beyond itself; an archive remembers it as it remembers the rest of the wish.
ALTER TABLE sandbox ADD COLUMN network TEXT NOT NULL DEFAULT 'none';
ALTER TABLE archive ADD COLUMN network TEXT NOT NULL DEFAULT 'none';
)sql"
