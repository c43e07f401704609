#pragma once
// What a transaction can read and change: one gateway per table, each a dozen plain methods, none made for one use
// case. `get` answers not_found; `find` answers nothing. `update` replaces the whole row and CHECKs that it exists.
// Pages are keyset pages: at most `limit` rows strictly after (or, newest first, before) the given id; ids sort by
// time.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/archive.h"
#include "core/cleanup.h"
#include "core/cleanup_record.h"
#include "core/event.h"
#include "core/idempotency.h"
#include "core/identity.h"
#include "core/image.h"
#include "core/permit.h"
#include "core/quota.h"
#include "core/runtime.h"
#include "core/sandbox.h"
#include "core/volume.h"

namespace mayfly {

struct Page {
  std::string before;      // newest first: only ids smaller than this; empty: from the newest
  std::size_t limit = 50;
};

struct SandboxFilter {
  ResourceId workspace;
  std::vector<State> states;         // empty: all but gone
  Labels labels;                     // all must match
  std::string image;                 // name as written, or digest
};

class SandboxTable {
 public:
  virtual ~SandboxTable() = default;
  virtual Result<Sandbox> get(const ResourceId& id) = 0;
  /// The living one of that name in the workspace, else its newest tombstone.
  virtual Result<std::optional<Sandbox>> find_named(const ResourceId& workspace, const std::string& name) = 0;
  virtual Status insert(const Sandbox& sandbox) = 0;        // conflict: the name is held
  virtual Status update(const Sandbox& sandbox) = 0;
  virtual Result<std::vector<Sandbox>> list(const SandboxFilter& filter, const Page& page) = 0;
  /// Everything not gone, of every workspace, after `after` in id order.
  virtual Result<std::vector<Sandbox>> scan(const std::string& after, std::size_t limit) = 0;
  /// Transitional, due, unclaimed; oldest attempt first.
  virtual Result<std::vector<Sandbox>> claimable(Lane lane, Time now, std::size_t limit) = 0;
  virtual Result<std::optional<Time>> next_attempt(Lane lane) = 0;
  virtual Status release_claims_of_others(std::int64_t epoch, Time now) = 0;
  virtual Result<bool> uses_image(const std::string& digest) = 0;    // any not gone
  /// Any that may still be started for the first time: it never was, and is not being deleted.
  virtual Result<bool> restores_from(const ResourceId& archive) = 0;
  virtual Result<std::vector<std::pair<State, std::int64_t>>> count_by_state() = 0;   // without gone and nobody's
};

/// The narrow rows. Writing a sandbox, an archive or a volume writes its lifetime too, with the id, state and
/// generation of the resource; writing a lifetime here writes only that row.
class LifetimeTable {
 public:
  virtual ~LifetimeTable() = default;
  virtual Result<Lifetime> get(const ResourceId& id) = 0;
  virtual Status update(const Lifetime& lifetime) = 0;
  virtual Status put(const Lifetime& lifetime) = 0;                                  // inserts or replaces
  virtual Result<std::vector<Lifetime>> waking(Time until, std::size_t limit) = 0;   // by wake_at
  virtual Result<std::optional<Time>> waking_after(Time at) = 0;                     // the first wake_at past it
  /// Those with an absolute deadline: their expires_at moves when the wall clock is set.
  virtual Result<std::vector<Lifetime>> with_absolute(const std::string& after, std::size_t limit) = 0;
};

struct TaskFilter {
  ResourceId workspace;                      // empty: all
  std::optional<TaskStatus> status;
  std::optional<ResourceId> resource;
  bool steps = false;                        // steps too, not only resource-level tasks
};

/// Resource-level tasks of one kind that have not completed.
struct OpenTasks {
  Verb verb = Verb::delete_sandbox;
  TaskStatus status = TaskStatus::pending;
  std::int64_t count = 0;
  Time oldest{};                             // when the first of them was made
  bool operator==(const OpenTasks&) const = default;
};

/// Where tasks wait for an attempt: those of one lane, workspace and kind stand in one line.
struct TaskLine {
  Lane lane = Lane::fast;
  ResourceId workspace;
  Kind kind = Kind::sandbox;
  bool operator==(const TaskLine&) const = default;
};

/// The lowest stage of a parent that has not completed; whether one of its tasks can still do anything by itself.
struct OpenStage {
  int stage = 0;
  bool moves = false;
  bool operator==(const OpenStage&) const = default;
};

struct PhaseCount {
  Phase phase = Phase::waiting;
  std::int64_t count = 0;
  Time oldest{};                             // when the first of them was made
  bool operator==(const PhaseCount&) const = default;
};

/// Claimed tasks of one workspace and verb.
struct ClaimedTasks {
  ResourceId workspace;
  Verb verb = Verb::delete_sandbox;
  std::int64_t count = 0;
  bool operator==(const ClaimedTasks&) const = default;
};

class TaskTable {
 public:
  virtual ~TaskTable() = default;
  virtual Result<Task> get(const TaskId& id) = 0;
  virtual Status insert(const Task& task) = 0;
  /// What the task is (its place in the tree, verb, resource, source, birth) never changes.
  virtual Status update(const Task& task) = 0;
  virtual Result<std::vector<Task>> children(const TaskId& parent) = 0;             // by stage, id
  virtual Result<std::vector<Task>> tree(const TaskId& root) = 0;                   // by id: parents first
  virtual Result<std::vector<Task>> list(const TaskFilter& filter, const Page& page) = 0;
  /// All of these cost what is asked for, however many children have completed.
  virtual Result<std::optional<OpenStage>> open_stage(const TaskId& parent) = 0;
  /// Of one status that is not `completed`: of that stage, by id, or of all, the last stages first.
  virtual Result<std::vector<Task>> children_in(const TaskId& parent, std::optional<int> stage, TaskStatus status,
                                                std::size_t limit) = 0;
  /// Lines of that lane in which somebody waits, due or not: by workspace, from that one on, then by the kind's name.
  virtual Result<std::vector<TaskLine>> lines(Lane lane, const ResourceId& from, std::size_t limit) = 0;
  /// What is due in a line, of one priority, oldest first.
  virtual Result<std::vector<Task>> claimable(const TaskLine& line, Priority priority, Time now,
                                              std::size_t limit) = 0;
  virtual Result<std::optional<Time>> next_attempt(Lane lane, Time after) = 0;      // the first one past it
  virtual Status release_claims_of_others(std::int64_t epoch, Time now) = 0;
  virtual Result<std::vector<ClaimedTasks>> claimed() = 0;                          // by workspace, verb
  virtual Result<std::vector<PhaseCount>> by_phase(const TaskId& root) = 0;         // of a tree
  /// Deletes of a workspace that have neither completed nor failed, of things that have bytes.
  virtual Result<std::int64_t> open_deletes(const ResourceId& workspace) = 0;
  /// Roots that completed before that, oldest first.
  virtual Result<std::vector<TaskId>> completed_before(Time before, std::size_t limit) = 0;
  /// The last of a tree by id: those below before those above.
  virtual Result<std::vector<Task>> last_of(const TaskId& root, std::size_t limit) = 0;
  virtual Status remove(const Task& task) = 0;
  virtual Result<std::vector<std::pair<TaskStatus, std::int64_t>>> count_by_status() = 0;  // resource-level
  virtual Result<std::vector<OpenTasks>> open_by_verb() = 0;   // by verb, status; costs what is open, not what ever was
};

/// What is kept about tasks beside them.
class CleanupRecordTable {
 public:
  virtual ~CleanupRecordTable() = default;
  /// Gives it the next number of its task, and forgets what is older than the last twenty.
  static constexpr int attempts_kept = 20;
  virtual Status add_attempt(const Attempt& attempt) = 0;
  virtual Result<std::vector<Attempt>> attempts(const TaskId& task) = 0;            // by number
  virtual Status remove_attempts(const TaskId& task) = 0;

  virtual Result<std::vector<Pause>> pauses() = 0;                                  // by scope
  virtual Status put_pause(const Pause& pause) = 0;                                 // by scope; replaces
  virtual Result<bool> remove_pause(const std::string& scope) = 0;                  // false: there was none

  virtual Status put_orphan(const Orphan& orphan) = 0;                              // by task; replaces
  virtual Result<bool> remove_orphan(const TaskId& task) = 0;
  virtual Result<std::vector<Orphan>> orphans(const TaskId& after, std::size_t limit) = 0;   // by task
};

struct EventFilter {
  ResourceId workspace;                      // empty: all
  std::optional<ResourceId> subject;
  std::string type;
};

class EventTable {
 public:
  virtual ~EventTable() = default;
  virtual Status insert(const Event& event) = 0;
  virtual Result<Event> get(const EventId& id) = 0;
  virtual Result<std::vector<Event>> list(const EventFilter& filter, const Page& page) = 0;
};

struct ArchiveFilter {
  ResourceId workspace;                      // empty: all
  std::optional<ResourceId> sandbox;
  std::vector<State> states;                 // empty: active only
};

class ArchiveTable {
 public:
  virtual ~ArchiveTable() = default;
  virtual Result<Archive> get(const ResourceId& id) = 0;
  virtual Status insert(const Archive& archive) = 0;
  virtual Status update(const Archive& archive) = 0;
  virtual Result<std::vector<Archive>> list(const ArchiveFilter& filter, const Page& page) = 0;
  virtual Result<std::vector<Archive>> scan(const std::string& after, std::size_t limit) = 0;  // not gone
  virtual Result<bool> needs_image(const std::string& digest) = 0;                             // any not gone

  virtual Status put_permit(const DeletePermit& permit) = 0;             // replaces the layer's
  virtual Result<std::optional<DeletePermit>> find_permit(const LayerRef& layer) = 0;
  virtual Status drop_permit(const LayerRef& layer) = 0;
};

struct VolumeFilter {
  ResourceId workspace;
  std::vector<State> states;         // empty: all but gone
  Labels labels;                     // all must match
};

/// Volumes and databases: to each other they are of two kinds, with names of their own.
class VolumeTable {
 public:
  virtual ~VolumeTable() = default;
  virtual Result<Volume> get(const ResourceId& id) = 0;
  /// The living one of that name in the workspace, else its newest tombstone.
  virtual Result<std::optional<Volume>> find_named(const ResourceId& workspace, const std::string& name,
                                                   Kind kind = Kind::volume) = 0;
  virtual Status insert(const Volume& volume) = 0;          // conflict: the name is held
  virtual Status update(const Volume& volume) = 0;
  virtual Result<std::vector<Volume>> list(const VolumeFilter& filter, const Page& page) = 0;   // of volumes alone
  /// Everything not gone, of every workspace, after `after` in id order.
  virtual Result<std::vector<Volume>> scan(const std::string& after, std::size_t limit) = 0;
  /// Sandboxes that mount it and are not gone, the oldest first.
  virtual Result<std::vector<ResourceId>> mounted_by(const ResourceId& volume, std::size_t limit) = 0;
  virtual Result<bool> restores_from(const ResourceId& archive) = 0;   // any that is being written
  /// Those being written by a process of another epoch, which is gone.
  virtual Result<std::vector<Volume>> made_by_others(std::int64_t epoch, std::size_t limit) = 0;
};

struct RuntimeFilter {
  ResourceId workspace;
  std::vector<RuntimeState> states;  // empty: all
  std::string project;               // empty: all
  UserId owner;                      // empty: everybody's
};

class RuntimeTable {
 public:
  virtual ~RuntimeTable() = default;
  virtual Result<Runtime> get(const ResourceId& id) = 0;
  /// The living one of that key in the workspace.
  virtual Result<std::optional<Runtime>> find_named(const ResourceId& workspace, const std::string& key) = 0;
  virtual Status insert(const Runtime& runtime) = 0;        // conflict: the key is held
  virtual Status update(const Runtime& runtime) = 0;
  /// Active ones.
  virtual Result<std::vector<Runtime>> list(const RuntimeFilter& filter, const Page& page) = 0;
};

/// What a workspace holds, summed up from the rows of what lives in it.
class UsageTable {
 public:
  virtual ~UsageTable() = default;
  virtual Result<WorkspaceUsage> of(const ResourceId& workspace) = 0;
  /// How many things with bytes it has that are not gone, counted up to `limit`.
  virtual Result<std::int64_t> things(const ResourceId& workspace, std::int64_t limit) = 0;
};

class ImageTable {
 public:
  virtual ~ImageTable() = default;
  virtual Result<std::optional<ImageRecord>> find(const std::string& name_or_digest) = 0;
  virtual Status put(const ImageRecord& image) = 0;                      // by name
  virtual Status remove(const std::string& name) = 0;
  virtual Result<std::vector<ImageRecord>> list() = 0;

  virtual Result<ImageContent> content(const ResourceId& id) = 0;
  /// The one that is active.
  virtual Result<std::optional<ImageContent>> find_content(const std::string& digest) = 0;
  virtual Status insert(const ImageContent& content) = 0;
  virtual Status update(const ImageContent& content) = 0;
  virtual Result<std::vector<ImageContent>> contents() = 0;              // not gone
  /// Who needs which digest: sandboxes and archives that are not gone, counted by workspace.
  virtual Result<std::vector<ImageUse>> uses() = 0;
  virtual Result<std::vector<ResourceId>> users(const std::string& digest, std::size_t limit) = 0;

  virtual Result<ImageBuild> build(const ResourceId& id) = 0;
  virtual Status insert(const ImageBuild& build) = 0;
  virtual Status update(const ImageBuild& build) = 0;
  virtual Result<std::vector<ImageBuild>> unfinished_builds() = 0;       // queued or running
};

struct KeyFilter {
  UserId user;                               // empty: everybody's
};

class IdentityTable {
 public:
  virtual ~IdentityTable() = default;
  virtual Result<std::optional<Resource>> find_organization(const std::string& slug) = 0;
  virtual Status insert_organization(const Resource& organization) = 0;
  virtual Result<std::optional<Workspace>> find_workspace(const std::string& id_or_slug) = 0;
  virtual Status insert_workspace(const Workspace& workspace) = 0;
  virtual Status update_workspace(const Workspace& workspace) = 0;
  virtual Result<std::optional<User>> find_user(const std::string& id_or_name) = 0;
  virtual Status insert_user(const User& user) = 0;
  virtual Status update_user(const User& user) = 0;         // conflict: the name is another's
  virtual Result<std::vector<User>> users(const Page& page) = 0;
  virtual Result<std::optional<User>> find_user(std::int64_t number) = 0;
  virtual Result<std::int64_t> highest_user_number() = 0;
  virtual Result<std::optional<ApiKey>> find_key(const std::string& hash) = 0;
  virtual Status insert_key(const ApiKey& key) = 0;
  virtual Status update_key(const ApiKey& key) = 0;
  virtual Result<std::vector<ApiKey>> keys() = 0;
  virtual Result<std::optional<ApiKey>> find_key(const KeyId& id) = 0;
  virtual Result<std::vector<ApiKey>> list_keys(const KeyFilter& filter, const Page& page) = 0;
  /// Only moves it forward; a key that is not there has been forgotten meanwhile.
  virtual Status touch_key(const KeyId& id, Time used_at) = 0;

  /// Those not deleted; of a member: where that one is a member.
  virtual Result<std::vector<Workspace>> workspaces(const std::optional<UserId>& member, const Page& page) = 0;
  virtual Result<std::optional<Membership>> find_member(const ResourceId& workspace, const UserId& user) = 0;
  virtual Result<std::vector<Membership>> members(const ResourceId& workspace, const Page& page) = 0;  // by user
  virtual Status put_member(const Membership& membership) = 0;
  virtual Status remove_member(const ResourceId& workspace, const UserId& user) = 0;
};

/// What came of requests under an Idempotency-Key. Written with the effect, in its transaction.
class IdempotencyTable {
 public:
  virtual ~IdempotencyTable() = default;
  virtual Result<std::optional<Remembered>> find(const std::string& scope) = 0;
  virtual Status put(const Remembered& row) = 0;                         // by scope; replaces
  virtual Status remove(const std::string& scope) = 0;
  virtual Result<std::vector<std::string>> older_than(Time before, std::size_t limit) = 0;   // scopes, oldest first
};

/// Small facts about this installation: its instance id, epoch, service clock.
class SettingTable {
 public:
  virtual ~SettingTable() = default;
  virtual Result<std::optional<std::string>> get(const std::string& name) = 0;
  virtual Status put(const std::string& name, const std::string& value) = 0;
};

}  // namespace mayfly
