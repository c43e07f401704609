#include "app/explanations.h"

#include <algorithm>

namespace mayfly {

using explain::Line;

namespace {

constexpr std::size_t most_events = 500;
constexpr std::size_t named_at_most = 5;

tl::unexpected<Error> nothing_there(const std::string& id) {
  return fail(Code::not_found,
              "nothing \"" + id.substr(0, 80) + "\" in this workspace, and no event tells of it: an id of a sandbox, "
              "volume, archive, image or cleanup task is needed, or the name of a sandbox or volume",
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
    case Kind::runtime:
      if (const auto row = TRY(found(t.runtimes().get({id}))); row && may_see(caller, row->resource))
        return of_runtime(*row);
      break;
    case Kind::organization: case Kind::workspace: return find_by_name(t, caller, id);
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
    const bool explained = kind && *kind != Kind::organization && *kind != Kind::workspace;
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
    if (subject->life) told.reasons = explain::deadlines(*subject->life, now, installation_.down);
    told.reasons.insert(told.reasons.end(), subject->reasons.begin(), subject->reasons.end());
    if (!told.task) told.task = TRY(root_of(t, caller, {id}));
    if (told.task) told.steps = TRY(t.tasks().tree(told.task));
    told.waits_for = explain::steps(told.steps, now.now);
    for (const auto& event : events) told.history.push_back(explain::tell(event));
    told.summary = summarize(told, *subject, events);
    return told;
  });
}

}  // namespace mayfly
