#include "app/explanations.h"

#include <algorithm>

namespace mayfly {

using explain::Line;

namespace {

constexpr std::size_t most_events = 500;
constexpr std::size_t named_at_most = 5;
constexpr std::size_t most_children = 100;

tl::unexpected<Error> nothing_there(const std::string& id) {
  return fail(Code::not_found,
              "nothing \"" + id.substr(0, 80) + "\" in this workspace, and no event tells of it: an id of a sandbox, "
              "volume, archive, image, workspace, app, element, database or cleanup task is needed, or the name of a "
              "sandbox or volume",
              "nothing_to_explain");
}

/// What all kinds have: the row, its deadlines, its delete.
struct Subject {
  Resource resource;
  std::optional<Lifetime> life;
  std::vector<Line> reasons = {};
};

template <class Row>
Result<std::optional<Row>> found(Result<Row> row) {
  if (row) return std::optional<Row>(std::move(*row));
  if (row.error().code == Code::not_found) return std::optional<Row>();
  return tl::unexpected(row.error());
}

void add(Subject& subject, const std::string& text) { subject.reasons.push_back({std::nullopt, text}); }

Subject of_sandbox(const Sandbox& row) {
  Subject subject{row.resource, row.lifetime};
  if (!row.work.last_error.empty())
    subject.reasons.push_back({row.work.next_attempt_at, "its last attempt failed after " +
                                                             std::to_string(row.work.attempts) +
                                                             " tries: " + row.work.last_error});
  const bool over = row.resource.state == State::deleting || row.resource.state == State::gone;
  if (row.ending && !over)
    subject.reasons.push_back({row.ending->at, "it is " + std::string(name(row.resource.state)) + " because of " +
                                                   row.ending->reason + ", by " + row.ending->actor});
  return subject;
}

Result<Subject> of_volume(Transaction& t, const Volume& row) {
  Subject subject{row.resource, row.lifetime};
  const auto mounts = TRY(t.volumes().mounted_by(row.resource.id, named_at_most + 1));
  for (std::size_t i = 0; i < std::min(mounts.size(), named_at_most); ++i)
    add(subject, "sandbox " + mounts[i].text + " mounts it: it cannot be deleted before that");
  if (mounts.size() > named_at_most) add(subject, "more sandboxes mount it");
  return subject;
}

Result<Subject> of_forest(Transaction& t, const Resource& row) {
  if (row.kind == Kind::database) {
    auto subject = TRY(of_volume(t, TRY(t.volumes().get(row.id))));
    if (row.state != State::trashed) return subject;
  }
  Subject subject{row, std::nullopt};
  if (const auto trashed = TRY(t.trash().find(row.id)); trashed && row.state == State::trashed)
    add(subject, "it is in the trash since " + format(trashed->deleted_at) + ", by " + trashed->deleted_by +
                     (trashed->purge_at ? ", and is purged at " + format(*trashed->purge_at)
                                        : ", and is kept there without an end"));
  else if (row.state == State::active) add(subject, "nobody deleted it");
  return subject;
}

Result<Subject> of_archive(Transaction& t, const Archive& row) {
  Subject subject{row.resource, row.lifetime};
  subject.resource.name = row.sandbox_name;
  add(subject, "it holds the files of " + row.sandbox.text + " at generation " + std::to_string(row.generation));
  if (TRY(t.sandboxes().restores_from(row.resource.id)) || TRY(t.volumes().restores_from(row.resource.id)))
    add(subject, "it is being restored: its bytes stay until that has ended");
  if (!row.verify_error.empty()) add(subject, "the last look found it damaged: " + row.verify_error);
  return subject;
}

Subject of_runtime(const Runtime& row) {
  Subject subject{row.resource, std::nullopt};
  if (row.sandbox) add(subject, "its newest sandbox is " + row.sandbox.text);
  return subject;
}

/// Images are of the installation: who needs one is told only as far as it is the caller's.
Result<std::optional<Subject>> of_image(Transaction& t, const Caller& caller, const ImageContent& content) {
  Subject subject{content.resource, std::nullopt};
  subject.resource.name = content.digest;
  for (const auto& record : TRY(t.images().list()))
    if (record.digest == content.digest) add(subject, "it has the name " + record.name);
  bool needed = false;
  for (const auto& use : TRY(t.images().uses())) {
    if (use.digest != content.digest || use.sandboxes + use.archives == 0) continue;
    needed = true;
    if (use.workspace == caller.workspace)
      add(subject, std::to_string(use.sandboxes) + " sandboxes and " + std::to_string(use.archives) +
                       " archives of this workspace need it");
  }
  // What has no name and is not this workspace's is nobody's business but an admin's.
  if (subject.reasons.empty() && !require(caller, Role::admin)) return std::optional<Subject>();
  if (subject.reasons.empty() && needed) add(subject, "others need it");
  if (subject.reasons.empty() && content.resource.state == State::active)
    add(subject, "nothing needs it: it is collected an hour after it lost its last name");
  return subject;
}

bool may_see(const Caller& caller, const Resource& row) { return row.workspace == caller.workspace; }

Result<std::optional<Subject>> find_by_name(Transaction& t, const Caller& caller, const std::string& name) {
  if (const auto row = TRY(t.sandboxes().find_named(caller.workspace, name))) return std::optional(of_sandbox(*row));
  if (const auto row = TRY(t.volumes().find_named(caller.workspace, name)))
    return std::optional(TRY(of_volume(t, *row)));
  return std::optional<Subject>();
}

Result<std::optional<Subject>> find(Transaction& t, const Caller& caller, const std::string& id) {
  const auto seen = [&](std::optional<Subject> subject) -> Result<std::optional<Subject>> {
    if (subject && !may_see(caller, subject->resource)) subject.reset();
    return subject;
  };
  if (id.starts_with("sha256:")) {
    const auto content = TRY(t.images().find_content(id));
    return content ? of_image(t, caller, *content) : std::optional<Subject>();
  }
  switch (kind_of_id(id).value_or(Kind::organization)) {
    case Kind::sandbox:
      if (const auto row = TRY(found(t.sandboxes().get({id})))) return seen(of_sandbox(*row));
      break;
    case Kind::volume:
      if (const auto row = TRY(found(t.volumes().get({id}))); row && may_see(caller, row->resource))
        return seen(TRY(of_volume(t, *row)));
      break;
    case Kind::archive:
      if (const auto row = TRY(found(t.archives().get({id}))); row && may_see(caller, row->resource))
        return seen(TRY(of_archive(t, *row)));
      break;
    case Kind::image:
      if (const auto row = TRY(found(t.images().content({id})))) return of_image(t, caller, *row);
      break;
    case Kind::workspace: case Kind::app: case Kind::element: case Kind::database:
      if (const auto row = TRY(found(t.resources().get({id}))); row && may_see(caller, *row))
        return std::optional(TRY(of_forest(t, *row)));
      break;
    case Kind::runtime:
      if (const auto row = TRY(found(t.runtimes().get({id}))); row && may_see(caller, row->resource))
        return of_runtime(*row);
      break;
    case Kind::organization: return find_by_name(t, caller, id);
  }
  return std::optional<Subject>();
}

/// The newest root, if it was ever deleted.
Result<TaskId> root_of(Transaction& t, const Caller& caller, const ResourceId& id) {
  for (const auto& root : TRY(t.tasks().list({.workspace = caller.workspace, .status = {}, .resource = id},
                                             {.before = {}, .limit = 1})))
    return root.id;
  return TaskId();
}

/// All of a small tree. Of a large one what is still open: a workspace may hold more than anybody reads.
Result<std::vector<Task>> tree_of(Transaction& t, const TaskId& id) {
  const auto root = TRY(t.tasks().get(id));
  if (kinds_in(kind_of(root.verb)).empty() && !root.parent) return t.tasks().tree(id);
  std::vector<Task> found = {root};
  for (const auto status : {TaskStatus::failed, TaskStatus::in_progress, TaskStatus::pending})
    for (auto& child : TRY(t.tasks().children_in(id, std::nullopt, status, most_children)))
      if (found.size() <= most_children) found.push_back(std::move(child));
  return found;
}

std::string summarize(const Explanation& told, const Subject& subject, const std::vector<Event>& events) {
  const auto what = told.kind + " " + told.id + (told.name.empty() ? "" : " (" + told.name + ")");
  const auto why = explain::ending(events);
  if (told.state.empty()) return what + " is gone from the records: " + why.value_or("only events are left of it");
  if (subject.resource.state == State::gone) return what + " is gone: " + why.value_or("no event tells why");
  if (subject.resource.state == State::deleting) {
    std::string text = what + " is being deleted: " + why.value_or("no event tells why");
    for (const auto& line : told.waits_for)
      if (line.text.find("waits for the steps") == std::string::npos) return text + "; " + line.text;
    return text;
  }
  std::string text = what + " is " + told.state;
  for (const auto& line : told.reasons)
    if (line.text.starts_with("its deadline") || line.text.starts_with("no deadline")) return text + "; " + line.text;
  return told.reasons.empty() ? text : text + "; " + told.reasons.front().text;
}

}  // namespace

Result<Explanation> Explanations::of(const Caller& caller, const std::string& asked) {
  return store_.read([&](Transaction& t) -> Result<Explanation> {
    std::string id = asked;
    Explanation told;
    if (asked.starts_with("clt_")) {
      const auto task = TRY(found(t.tasks().get({asked})));
      if (!task || task->workspace != caller.workspace) return nothing_there(asked);
      told.task = task->root;
      id = task->resource.text;
    }
    auto subject = TRY(find(t, caller, id));
    if (subject) id = subject->resource.id.text;
    const auto kind = kind_of_id(id);
    auto events = TRY(t.events().list({.workspace = caller.workspace, .subject = ResourceId{id}, .type = {}},
                                      {.before = {}, .limit = most_events + 1}));
    const bool explained = kind && *kind != Kind::organization;
    if (!explained || (!subject && events.empty() && !told.task)) return nothing_there(asked);
    told.history_cut = events.size() > most_events;
    if (told.history_cut) events.pop_back();
    std::reverse(events.begin(), events.end());

    told.id = id;
    told.kind = std::string(describe(*kind).name);
    if (!subject) subject = Subject{};
    else {
      told.name = subject->resource.name;
      told.state = std::string(name(subject->resource.state));
    }
    const Moment now{clock_.now(), clock_.wall()};
    for (const auto& hold : TRY(t.holds().keeping({id}, now.now, named_at_most)))
      subject->reasons.push_back({hold.created_at, "hold " + hold.id.text + " of " + hold.owner + " on " +
                                                       hold.resource.text + " keeps it: " + hold.reason});
    if (subject->life) told.reasons = explain::deadlines(*subject->life, now, installation_.down);
    told.reasons.insert(told.reasons.end(), subject->reasons.begin(), subject->reasons.end());
    if (!told.task) told.task = TRY(root_of(t, caller, {id}));
    if (told.task) told.steps = TRY(tree_of(t, told.task));
    told.waits_for = explain::steps(told.steps, now.now);
    const auto pauses = TRY(t.cleanup_records().pauses());
    const auto* pause = paused_by(pauses, caller.workspace, *kind);
    if (pause && !told.steps.empty() && told.steps.front().phase == Phase::children)
      told.waits_for.insert(told.waits_for.begin(),
                            {pause->at, "deletes are paused (" + pause->scope + ") by " + pause->actor + ": " +
                                            pause->reason});
    for (const auto& event : events) told.history.push_back(explain::tell(event));
    told.summary = summarize(told, *subject, events);
    return told;
  });
}

}  // namespace mayfly
