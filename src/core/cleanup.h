#pragma once
// Cleanup tasks: a delete as a durable tree. The root says what is deleted; its children are the steps, and they run
// by stage. Deciding is here and pure; the rows are changed in app/cleanup_tree.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/lifetime.h"
#include "core/resource.h"
#include "core/retry.h"
#include "core/sandbox.h"

namespace mayfly {

enum class Verb {
  delete_sandbox, stop_sandbox, archive_sandbox, destroy_sandbox, confirm_sandbox, forget_sandbox,
  delete_archive, destroy_archive, forget_archive,
  delete_volume, archive_volume, destroy_volume, confirm_volume, forget_volume,
  delete_image, destroy_image, confirm_image, forget_image,
  delete_workspace, empty_workspace, confirm_workspace, forget_workspace,
  delete_app, empty_app, confirm_app, forget_app,
  delete_element, forget_element,
  delete_database, archive_database, destroy_database, confirm_database, forget_database,
  delete_runtime, confirm_runtime, forget_runtime,
};
std::string_view name(Verb verb);
std::optional<Verb> parse_verb(std::string_view name);
const std::vector<std::string_view>& verb_names();   // of all, in their order

/// What a verb does to its kind. A kind's plan is its verbs in the order of their enumeration: a new kind is a few more
/// of them.
/// whole: the root, whose children are the others; empty: whatever lies in it is deleted below the same root.
enum class Act { whole, empty, stop, archive, destroy, confirm, forget };
Act act_of(Verb verb);
Kind kind_of(Verb verb);

/// Only this kind is listed unless steps are asked for.
bool resource_level(Verb verb);

/// Slow work has workers of its own, so that seconds of archiving never delay milliseconds of killing.
enum class Lane { fast, slow };
Lane lane_of(Verb verb);
Lane lane_of(const Sandbox& in_transition);  // a first start that restores an archive is slow

/// Why something goes, as far as the order of work is concerned: what a person waits for comes first.
enum class Priority { user, quota, retention, orphan };
std::string_view name(Priority priority);
Priority priority_of(std::string_view reason);   // of a delete: "request", "quota", "max_age", "orphan", ...

/// The four words of the public API, and the finer truth behind them.
enum class TaskStatus { pending, in_progress, completed, failed };
std::string_view name(TaskStatus status);
std::optional<TaskStatus> parse_task_status(std::string_view name);

enum class Phase {
  waiting,      // for an earlier stage
  ready,        // for a worker
  backing_off,  // for its next try
  stuck,        // the same, after too many; a person should look
  running,      // a worker has it
  children,     // its children are at work
  completed,
  failed,       // only a retry or a skip leads out
};
std::string_view name(Phase phase);
std::optional<Phase> parse_phase(std::string_view name);
TaskStatus status_of(Phase phase);

struct Task {
  TaskId id;
  TaskId root;                                // itself for a root
  TaskId parent;                              // empty for a root
  Verb verb = Verb::delete_sandbox;
  int stage = 0;
  ResourceId resource;
  ResourceId workspace;
  EventId source;                             // the event that caused the tree
  Priority priority = Priority::user;
  std::map<std::string, std::string> metadata;
  Phase phase = Phase::waiting;
  Work work;
  Time created_at{};
  std::optional<Time> started_at;
  std::optional<Time> completed_at;
};

/// Who decided what about a delete. Policy enters the core as this, whatever API it came through.
struct DeletePolicy {
  enum class OnArchiveFailure { hold, waive };
  bool archive = true;
  OnArchiveFailure on_archive_failure = OnArchiveFailure::hold;
  Duration archive_retention = mayfly::halted_retention;
};

/// Where in a tree the delete of something is planted, when that goes with what it lies in.
struct Branch {
  TaskId root, parent;
  int stage = 0;
  EventId source;             // of the delete that it follows from
};

namespace cleanup {

struct Step {
  Verb verb;
  int stage;
};

/// The verb of the root and its steps, for something that is deleted under `policy`.
Verb root_verb(Kind kind);
std::vector<Step> steps_for(Kind kind, const DeletePolicy& policy);

/// The task after an attempt that ended in `outcome`: completed, or ready again at a time, or failed.
/// Absent is success; busy and transient never exhaust; unknown is given up after retry::stuck_after probes.
Task record(Task task, const Status& outcome, Time now, double jitter);

/// Made ready by a person: a failed task, or one that is backing off. conflict for any other.
Result<Task> retried(Task task, Time now);

/// Nothing of it has been done and nobody is at it: it can be cancelled without a trace.
bool not_begun(Phase phase);
/// In the metadata of a step that is at work and was told to begin nothing more: who said so.
inline const std::string cancelled_by = "cancelled_by";
/// A step that will not be done after all, until somebody retries it: failed, "cancelled".
Task cancelled(Task task, std::string_view by);
/// A step that a person takes upon themselves: completed, and its metadata says by whom and why. conflict while a
/// worker has it, or when it is done.
Result<Task> skipped(Task task, std::string_view by, const std::string& reason, Time now);

}  // namespace cleanup
}  // namespace mayfly
