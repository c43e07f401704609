#pragma once

#include "store/memory/rows.h"

namespace mayfly::memory {

class MemoryTaskTable : public TaskTable {
 public:
  explicit MemoryTaskTable(Draft& draft) : draft_(draft) {}

  Result<Task> get(const TaskId& id) override;
  Status insert(const Task& task) override;
  Status update(const Task& task) override;
  Result<std::vector<Task>> children(const TaskId& parent) override;
  Result<std::vector<Task>> tree(const TaskId& root) override;
  Result<std::vector<Task>> list(const TaskFilter& filter, const Page& page) override;
  Result<std::optional<OpenStage>> open_stage(const TaskId& parent) override;
  Result<std::vector<Task>> children_in(const TaskId& parent, std::optional<int> stage, TaskStatus status,
                                        std::size_t limit) override;
  Result<std::vector<TaskLine>> lines(Lane lane, const ResourceId& from, std::size_t limit) override;
  Result<std::vector<Task>> claimable(const TaskLine& line, Priority priority, Time now, std::size_t limit) override;
  Result<std::optional<Time>> next_attempt(Lane lane, Time after) override;
  Status release_claims_of_others(std::int64_t epoch, Time now) override;
  Result<std::vector<ClaimedTasks>> claimed() override;
  Result<std::vector<PhaseCount>> by_phase(const TaskId& root) override;
  Result<std::int64_t> open_deletes(const ResourceId& workspace) override;
  Result<std::vector<TaskId>> completed_before(Time before, std::size_t limit) override;
  Result<std::vector<Task>> last_of(const TaskId& root, std::size_t limit) override;
  Status remove(const Task& task) override;
  Result<std::vector<std::pair<TaskStatus, std::int64_t>>> count_by_status() override;
  Result<std::vector<OpenTasks>> open_by_verb() override;

 private:
  Draft& draft_;
};

class MemoryCleanupRecordTable : public CleanupRecordTable {
 public:
  explicit MemoryCleanupRecordTable(Draft& draft) : draft_(draft) {}

  Status add_attempt(const Attempt& attempt) override;
  Result<std::vector<Attempt>> attempts(const TaskId& task) override;
  Status remove_attempts(const TaskId& task) override;
  Result<std::vector<Pause>> pauses() override;
  Status put_pause(const Pause& pause) override;
  Result<bool> remove_pause(const std::string& scope) override;
  Status put_orphan(const Orphan& orphan) override;
  Result<bool> remove_orphan(const TaskId& task) override;
  Result<std::vector<Orphan>> orphans(const TaskId& after, std::size_t limit) override;

 private:
  Draft& draft_;
};

class MemoryEventTable : public EventTable {
 public:
  explicit MemoryEventTable(Draft& draft) : draft_(draft) {}

  Status insert(const Event& event) override;
  Result<Event> get(const EventId& id) override;
  Result<std::vector<Event>> list(const EventFilter& filter, const Page& page) override;

 private:
  Draft& draft_;
};

class MemoryImageTable : public ImageTable {
 public:
  explicit MemoryImageTable(Draft& draft) : draft_(draft) {}

  Result<std::optional<ImageRecord>> find(const std::string& name_or_digest) override;
  Status put(const ImageRecord& image) override;
  Status remove(const std::string& name) override;
  Result<std::vector<ImageRecord>> list() override;

  Result<ImageContent> content(const ResourceId& id) override;
  Result<std::optional<ImageContent>> find_content(const std::string& digest) override;
  Status insert(const ImageContent& content) override;
  Status update(const ImageContent& content) override;
  Result<std::vector<ImageContent>> contents() override;
  Result<std::vector<ImageUse>> uses() override;
  Result<std::vector<ResourceId>> users(const std::string& digest, std::size_t limit) override;
  Result<ImageBuild> build(const ResourceId& id) override;
  Status insert(const ImageBuild& build) override;
  Status update(const ImageBuild& build) override;
  Result<std::vector<ImageBuild>> unfinished_builds() override;

 private:
  Draft& draft_;
};

class MemoryIdentityTable : public IdentityTable {
 public:
  explicit MemoryIdentityTable(Draft& draft) : draft_(draft) {}

  Result<std::optional<Resource>> find_organization(const std::string& slug) override;
  Status insert_organization(const Resource& organization) override;
  Result<std::optional<Workspace>> find_workspace(const std::string& id_or_slug) override;
  Status insert_workspace(const Workspace& workspace) override;
  Status update_workspace(const Workspace& workspace) override;
  Result<std::optional<User>> find_user(const std::string& id_or_name) override;
  Status insert_user(const User& user) override;
  Status update_user(const User& user) override;
  Result<std::vector<User>> users(const Page& page) override;
  Result<std::optional<User>> find_user(std::int64_t number) override;
  Result<std::int64_t> highest_user_number() override;
  Result<std::optional<ApiKey>> find_key(const std::string& hash) override;
  Status insert_key(const ApiKey& key) override;
  Status update_key(const ApiKey& key) override;
  Result<std::vector<ApiKey>> keys() override;
  Result<std::optional<ApiKey>> find_key(const KeyId& id) override;
  Result<std::vector<ApiKey>> list_keys(const KeyFilter& filter, const Page& page) override;
  Status touch_key(const KeyId& id, Time used_at) override;
  Result<std::vector<Workspace>> workspaces(const std::optional<UserId>& member, const Page& page) override;
  Result<std::optional<Membership>> find_member(const ResourceId& workspace, const UserId& user) override;
  Result<std::vector<Membership>> members(const ResourceId& workspace, const Page& page) override;
  Status put_member(const Membership& membership) override;
  Status remove_member(const ResourceId& workspace, const UserId& user) override;

 private:
  Status put(const Workspace& workspace);
  Draft& draft_;
};

class MemoryIdempotencyTable : public IdempotencyTable {
 public:
  explicit MemoryIdempotencyTable(Draft& draft) : draft_(draft) {}

  Result<std::optional<Remembered>> find(const std::string& scope) override;
  Status put(const Remembered& row) override;
  Status remove(const std::string& scope) override;
  Result<std::vector<std::string>> older_than(Time before, std::size_t limit) override;

 private:
  Draft& draft_;
};

class MemorySettingTable : public SettingTable {
 public:
  explicit MemorySettingTable(Draft& draft) : draft_(draft) {}

  Result<std::optional<std::string>> get(const std::string& name) override;
  Status put(const std::string& name, const std::string& value) override;

 private:
  Draft& draft_;
};

}  // namespace mayfly::memory
