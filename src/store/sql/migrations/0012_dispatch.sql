R"sql(
-- Who is served next: the kind and the priority of a task stand in its row, so that the lines in which tasks wait are
-- ranges of one index. A workspace with one task is found by leaping over all that another one has.
ALTER TABLE cleanup_task ADD COLUMN kind TEXT NOT NULL DEFAULT '';
ALTER TABLE cleanup_task ADD COLUMN priority BIGINT NOT NULL DEFAULT 0;
UPDATE cleanup_task
SET kind = CASE
  WHEN resource LIKE 'sbx%' THEN 'sandbox'
  WHEN resource LIKE 'arc%' THEN 'archive'
  WHEN resource LIKE 'vol%' THEN 'volume'
  WHEN resource LIKE 'img%' THEN 'image'
  ELSE '' END;
CREATE INDEX cleanup_task_dispatch ON cleanup_task (queue, workspace, kind, priority, next_attempt_at, id)
  WHERE queue IS NOT NULL;

-- What is in work, counted for caps without a look at the rows.
DROP INDEX cleanup_task_claimed;
CREATE INDEX cleanup_task_claimed ON cleanup_task (claim, workspace, verb) WHERE claim <> 0;

-- The end of one child looks at what is left of its siblings, and not at the tens of thousands that have completed.
DROP INDEX cleanup_task_children;
CREATE INDEX cleanup_task_open_children ON cleanup_task (parent, status_order, stage, id)
  WHERE parent <> '' AND status <> 'completed';

-- Completed trees are purged after a while, oldest first. LENGTH, because an index on parent = '' makes SQLite prepare
-- every statement with parent = $1 anew each time it is bound: it might be that one.
CREATE INDEX cleanup_task_purge ON cleanup_task (completed_at, id) WHERE LENGTH(parent) = 0;

CREATE TABLE cleanup_attempt (
  task TEXT NOT NULL,
  number BIGINT NOT NULL,
  began_at BIGINT NOT NULL,
  ended_at BIGINT NOT NULL,
  error_code TEXT NOT NULL,
  error TEXT NOT NULL,
  PRIMARY KEY (task, number)
) {clustered};

-- What does not go on until somebody says so; few, and read by each look for work.
CREATE TABLE cleanup_pause (
  scope TEXT NOT NULL PRIMARY KEY,
  reason TEXT NOT NULL,
  actor TEXT NOT NULL,
  paused_at BIGINT NOT NULL,
  tripped BIGINT NOT NULL
) {clustered};

-- Steps that somebody skipped: what they should have removed may still be there.
CREATE TABLE cleanup_orphan (
  task TEXT NOT NULL PRIMARY KEY,
  root TEXT NOT NULL,
  resource TEXT NOT NULL,
  workspace TEXT NOT NULL,
  verb TEXT NOT NULL,
  reason TEXT NOT NULL,
  actor TEXT NOT NULL,
  skipped_at BIGINT NOT NULL
) {clustered};
)sql"
