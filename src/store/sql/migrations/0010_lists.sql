R"sql(
-- What lists of cleanup tasks are counted by, written with every resource-level task: totals cost what is asked for and
-- not what there is.
CREATE TABLE cleanup_task_count (
  workspace TEXT NOT NULL,
  verb TEXT NOT NULL,
  status TEXT NOT NULL,
  tasks BIGINT NOT NULL,
  PRIMARY KEY (workspace, verb, status)
) {clustered};
INSERT INTO cleanup_task_count (workspace, verb, status, tasks)
SELECT workspace, verb, status, COUNT(*)
FROM cleanup_task
WHERE resource_level = 1
GROUP BY workspace, verb, status;

-- The place of the status in a life: what sorting by status means.
ALTER TABLE cleanup_task ADD COLUMN status_order BIGINT NOT NULL DEFAULT 0;
UPDATE cleanup_task
SET status_order = CASE status WHEN 'pending' THEN 0 WHEN 'in_progress' THEN 1 WHEN 'completed' THEN 2 ELSE 3 END
WHERE status <> 'pending';

-- One index for each order and each common filter. Steps are five of six rows and in none of these: they are listed by
-- their parent, or by id.
CREATE INDEX cleanup_task_list ON cleanup_task (workspace, id) WHERE resource_level = 1;
CREATE INDEX cleanup_task_list_by_status ON cleanup_task (workspace, status_order, id) WHERE resource_level = 1;
CREATE INDEX cleanup_task_list_by_verb ON cleanup_task (workspace, verb, id) WHERE resource_level = 1;
CREATE INDEX cleanup_task_list_by_end ON cleanup_task (workspace, completed_at, id) WHERE resource_level = 1;
CREATE INDEX cleanup_task_list_by_attempts ON cleanup_task (workspace, attempts, id) WHERE resource_level = 1;
CREATE INDEX cleanup_task_by_parent ON cleanup_task (parent, id) WHERE parent <> '';
CREATE INDEX cleanup_task_by_source ON cleanup_task (source, id) WHERE source <> '';

-- Completed tasks are counted; only open ones are looked at one by one.
DROP INDEX cleanup_task_by_status;
CREATE INDEX cleanup_task_open ON cleanup_task (status, verb, created_at)
  WHERE resource_level = 1 AND status <> 'completed';
)sql"
