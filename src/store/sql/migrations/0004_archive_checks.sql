R"sql(
-- What an archive does not hold, by name, and what the last look at its bytes found.
ALTER TABLE archive ADD COLUMN left_out_paths TEXT NOT NULL DEFAULT '[]';
ALTER TABLE archive ADD COLUMN verify_error TEXT NOT NULL DEFAULT '';
)sql"
