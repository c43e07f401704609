#include "store/sql/sandbox_table.h"

#include <algorithm>

#include "store/rules.h"
#include "store/sql/columns.h"
#include "store/sql/resource_rows.h"

namespace mayfly::sql {

namespace {

const std::string own_columns =
    std::string(spec_columns) +
    ", layer, caveats, ending_reason, ending_actor, ending_at, started_at, cleanup_task, claim, attempts,"
    " next_attempt_at, last_error, error_code, mounts, holds_compute, holds_storage, halts, queue";

/// "vol_... rw /path", one line each.
std::string mount_lines(const std::vector<VolumeMount>& mounts) {
  std::vector<std::string> lines;
  for (const auto& mount : mounts)
    lines.push_back(mount.volume.text + (mount.read_only ? " ro " : " rw ") + mount.path);
  return to_json(lines);
}

std::vector<VolumeMount> mounts_in(const std::vector<std::string>& lines) {
  std::vector<VolumeMount> mounts;
  for (const auto& line : lines) {
    const auto word = line.find(' ');
    if (word == std::string::npos || line.size() < word + 4) continue;
    mounts.push_back({{line.substr(0, word)}, line.substr(word + 4), line.substr(word + 1, 2) == "ro"});
  }
  return mounts;
}

std::vector<Parameter> own_values(const Sandbox& sandbox) {
  std::vector<Parameter> values = {sandbox.resource.id};
  append_spec(values, sandbox.spec);
  const auto& ending = sandbox.ending;
  const auto& work = sandbox.work;
  const auto queue = rules::queue_of(sandbox);
  values.insert(values.end(), {sandbox.layer,
                               to_json(sandbox.caveats),
                               ending ? Parameter(ending->reason) : Parameter(std::nullopt),
                               ending ? Parameter(ending->actor) : Parameter(std::nullopt),
                               ending ? Parameter(ending->at) : Parameter(std::nullopt),
                               sandbox.started_at,
                               sandbox.cleanup_task,
                               work.claim,
                               work.attempts,
                               work.next_attempt_at,
                               work.last_error,
                               work.error_code,
                               mount_lines(sandbox.mounts),
                               sandbox.holds_compute,
                               sandbox.holds_storage,
                               sandbox.halts,
                               queue ? Parameter(lane_word(*queue)) : Parameter(std::nullopt)});
  return values;
}

std::optional<Ending> read_ending(Row& row) {
  const auto reason = row.optional_text();
  const auto actor = row.optional_text();
  const auto at = row.optional_time();
  if (!reason || !actor || !at) return std::nullopt;
  return Ending{*reason, *actor, *at};
}

Work read_work(Row& row) {
  Work work;
  work.claim = row.integer();
  work.attempts = row.small();
  work.next_attempt_at = row.optional_time();
  work.last_error = row.text();
  work.error_code = row.text();
  return work;
}

Sandbox read_sandbox(Row& row) {
  Sandbox sandbox;
  sandbox.resource = read_resource(row);
  sandbox.lifetime = read_lifetime(row);
  sandbox.spec = read_spec(row);
  sandbox.layer = row.small();
  sandbox.caveats = row.text_list();
  sandbox.ending = read_ending(row);
  sandbox.started_at = row.optional_time();
  sandbox.cleanup_task = row.text();
  sandbox.work = read_work(row);
  sandbox.mounts = mounts_in(row.text_list());
  sandbox.holds_compute = row.flag();
  sandbox.holds_storage = row.flag();
  sandbox.halts = row.integer();
  return sandbox;
}

const std::string columns = "SELECT " + std::string(resource_columns) + ", " + std::string(lifetime_columns) + ", " +
                            qualified("s", own_columns);

/// For what is found by its resource, and for what is found by its own columns.
const std::string select_by_resource = columns + R"(
      FROM resource r
      JOIN sandbox s ON s.id = r.id
      JOIN lifetime l ON l.id = r.id)";
const std::string select_by_work = columns + R"(
      FROM sandbox s
      JOIN resource r ON r.id = s.id
      JOIN lifetime l ON l.id = s.id)";

}  // namespace

std::string_view lane_word(Lane lane) { return lane == Lane::fast ? "fast" : "slow"; }

Result<Sandbox> SqlSandboxTable::get(const ResourceId& id) {
  static const auto text = select_by_resource + " WHERE r.id = $1";
  auto found = TRY(database_.first(text, {id}, read_sandbox));
  if (!found) return tl::unexpected(rules::missing("sandbox", id.text));
  return std::move(*found);
}

Result<std::optional<Sandbox>> SqlSandboxTable::find_named(const ResourceId& workspace, const std::string& name) {
  static const auto living = select_by_resource + R"(
      WHERE r.workspace = $1
      AND r.kind = 'sandbox'
      AND r.held_name = $2)";
  auto found = TRY(database_.first(living, {workspace, name}, read_sandbox));
  if (found) return found;

  static const auto tombstone = select_by_resource + R"(
      WHERE r.workspace = $1
      AND r.kind = 'sandbox'
      AND r.name = $2
      AND r.held_name IS NULL
      ORDER BY r.id DESC
      LIMIT 1)";
  return database_.first(tombstone, {workspace, name}, read_sandbox);
}

Status SqlSandboxTable::insert(const Sandbox& sandbox) {
  static const auto text = insert_text("sandbox", own_columns);
  TRY(insert_resource(database_, sandbox.resource));
  if (TRY(database_.exec(text, own_values(sandbox))) == 0)
    return tl::unexpected(rules::id_taken(sandbox.resource.id.text));
  for (const auto& mount : sandbox.mounts)
    TRY(database_.exec(R"(
        INSERT INTO sandbox_mount (volume, sandbox, path, read_only)
        VALUES ($1, $2, $3, $4))",
                       {mount.volume, sandbox.resource.id, mount.path, mount.read_only}));
  return lifetimes_.insert(rules::lifetime_of(sandbox.resource, sandbox.lifetime));
}

Status SqlSandboxTable::update(const Sandbox& sandbox) {
  static const auto text = update_text("sandbox", own_columns);
  TRY(update_resource(database_, sandbox.resource));
  const auto changed = TRY(database_.exec(text, own_values(sandbox)));
  CHECK(changed == 1);
  if (sandbox.resource.state == State::gone && !sandbox.mounts.empty())
    TRY(database_.exec("DELETE FROM sandbox_mount WHERE sandbox = $1", {sandbox.resource.id}));
  return lifetimes_.update(rules::lifetime_of(sandbox.resource, sandbox.lifetime));
}

Result<std::vector<Sandbox>> SqlSandboxTable::list(const SandboxFilter& filter, const Page& page) {
  const auto parts = parts_of(filter.states);
  const auto part = [&](const auto& add_states) {
    Query query(select_by_resource);
    query.add(" WHERE r.workspace = ? AND r.kind = 'sandbox'", {filter.workspace});
    add_states(query);
    for (const auto& [key, value] : filter.labels)
      query.add(" AND r.id IN (SELECT resource FROM label WHERE name = ? AND value = ?)", {key, value});
    if (!filter.image.empty()) query.add(" AND (s.image = ? OR s.image_digest = ?)", {filter.image, filter.image});
    if (!page.before.empty()) query.add(" AND r.id < ?", {page.before});
    query.add(" ORDER BY r.id DESC LIMIT ?", {page.limit});
    return database_.all(query.text(), query.parameters(), read_sandbox);
  };
  std::vector<Sandbox> living;
  std::vector<Sandbox> gone;
  if (parts.living) living = TRY(part([&](Query& query) { add_living(query, parts); }));
  if (parts.gone) gone = TRY(part(add_gone));
  return merged(std::move(living), std::move(gone), page.limit);
}

Result<std::vector<Sandbox>> SqlSandboxTable::scan(const std::string& after, std::size_t limit) {
  static const auto text = select_by_resource + R"(
      WHERE r.kind = 'sandbox'
      AND r.gone = 0
      AND r.id > $1
      ORDER BY r.id
      LIMIT $2)";
  return database_.all(text, {after, limit}, read_sandbox);
}

Result<std::vector<Sandbox>> SqlSandboxTable::claimable(Lane lane, Time now, std::size_t limit) {
  static const auto text = select_by_work + R"(
      WHERE s.queue = $1
      AND s.next_attempt_at <= $2
      ORDER BY s.next_attempt_at, s.id
      LIMIT $3)";
  return database_.all(text, {lane_word(lane), now, limit}, read_sandbox);
}

Result<std::optional<Time>> SqlSandboxTable::next_attempt(Lane lane) {
  return database_.first_time(R"(
      SELECT next_attempt_at
      FROM sandbox
      WHERE queue = $1
      ORDER BY next_attempt_at
      LIMIT 1)",
                              {lane_word(lane)});
}

Status SqlSandboxTable::release_claims_of_others(std::int64_t epoch, Time now) {
  static const auto text = select_by_work + R"(
      WHERE s.claim <> 0
      AND s.claim <> $1)";
  for (auto& sandbox : TRY(database_.all(text, {epoch}, read_sandbox)))
    TRY(update(rules::released(std::move(sandbox), now)));
  static const auto too_late = select_by_work + R"(
      WHERE s.queue IS NOT NULL
      AND s.next_attempt_at > $1)";
  for (auto& sandbox : TRY(database_.all(too_late, {now + rules::longest_wait}, read_sandbox))) {
    sandbox.work.next_attempt_at = now;
    TRY(update(sandbox));
  }
  return {};
}

Result<bool> SqlSandboxTable::uses_image(const std::string& digest) {
  // The living are walked and not the image's users, most of which are tombstones.
  return database_.any(R"(
      SELECT 1
      FROM resource r
      CROSS JOIN sandbox s
      WHERE r.kind = 'sandbox'
      AND r.gone = 0
      AND s.id = r.id
      AND s.image_digest = $1
      LIMIT 1)",
                       {digest});
}

Result<bool> SqlSandboxTable::restores_from(const ResourceId& archive) {
  return database_.any(R"(
      SELECT 1
      FROM sandbox s
      JOIN resource r ON r.id = s.id
      WHERE s.restore_from = $1
      AND s.restore_from <> ''
      AND s.started_at IS NULL
      AND r.state NOT IN ('deleting', 'gone')
      LIMIT 1)",
                       {archive});
}

Result<std::vector<std::pair<State, std::int64_t>>> SqlSandboxTable::count_by_state() {
  auto counts = TRY(database_.all(R"(
      SELECT state, COUNT(*)
      FROM resource
      WHERE kind = 'sandbox'
      AND gone = 0
      AND workspace <> ''
      GROUP BY state)",
                                  {}, [](Row& row) {
                                    const auto state = row.word(parse_state);
                                    return std::pair(state, row.integer());
                                  }));
  std::sort(counts.begin(), counts.end());
  return counts;
}

}  // namespace mayfly::sql
