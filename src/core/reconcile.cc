#include "core/reconcile.h"

#include <array>
#include <map>
#include <set>

#include "core/lifecycle.h"

namespace mayfly::reconcile {

std::string_view name(Trouble trouble) {
  constexpr std::array names = {"unknown",         "old_generation", "should_not_run", "leftover",
                                "trash",           "old_layer",      "vanished",       "files_missing",
                                "image_missing",   "stranger",       "clash",          "archive_missing",
                                "archive_size",    "archive_damaged", "stray_object",  "quarantined",
                                "deadline_late",   "task_failed",    "task_stuck",     "tree_broken",
                                "dangling",        "skipped"};
  return names[static_cast<std::size_t>(trouble)];
}

std::string key_of(const Finding& finding) {
  return std::string(name(finding.trouble)) + ":" + (finding.where.empty() ? finding.id.text : finding.where);
}

namespace {

std::string who(const Row& row) { return row.id.text + (row.name.empty() ? "" : " (" + row.name + ")"); }

std::optional<Finding> judge(const Seen& seen, const Row& row) {
  const auto finding = [&](Trouble trouble, std::string why) {
    return Finding{trouble, seen.uid, row.id, seen.generation, seen.layer, seen.what + ": " + std::move(why),
                   seen.kind, seen.where};
  };
  if (seen.generation > 0 && seen.generation < row.generation)
    return finding(Trouble::old_generation, "generation " + std::to_string(seen.generation) + " of " + who(row) +
                                                " is over, " + std::to_string(row.generation) + " is current");
  if (row.in_flight) return std::nullopt;
  if (seen.trash) return finding(Trouble::trash, who(row) + " is " + std::string(mayfly::name(row.state)));
  if (row.state == State::gone)
    return finding(seen.generation > 0 ? Trouble::should_not_run : Trouble::leftover, who(row) + " is gone");
  if (seen.generation > 0 && !lifecycle::may_run(row.state))
    return finding(Trouble::should_not_run, who(row) + " is " + std::string(mayfly::name(row.state)));
  if (seen.layer > 0 && seen.layer != row.layer)
    return finding(Trouble::old_layer, "layer " + std::to_string(seen.layer) + " of " + who(row) + " was replaced by " +
                                           std::to_string(row.layer));
  return std::nullopt;
}

}  // namespace

std::vector<Finding> compare(const std::vector<Seen>& seen, const std::vector<Row>& rows) {
  std::map<Uuid, const Row*> by_uid;
  for (const auto& row : rows) by_uid[uid_of(row.id)] = &row;

  std::vector<Finding> findings;
  std::set<std::pair<Uuid, int>> running, layers;
  for (const auto& thing : seen) {
    if (thing.runs) running.emplace(thing.uid, thing.generation);
    if (thing.layer > 0 && !thing.trash) layers.emplace(thing.uid, thing.layer);
    const auto row = by_uid.find(thing.uid);
    if (row == by_uid.end() && thing.trash) {
      findings.push_back({Trouble::trash, thing.uid, {}, 0, thing.layer, thing.what + ": its owner was forgotten",
                          thing.kind, thing.where});
    } else if (row == by_uid.end()) {
      findings.push_back({Trouble::unknown, thing.uid, {}, thing.generation, thing.layer,
                          thing.what + ": no " + std::string(describe(thing.kind).name) + " has the uid " +
                              hex(thing.uid),
                          thing.kind, thing.where});
    } else if (auto finding = judge(thing, *row->second)) {
      findings.push_back(std::move(*finding));
    }
  }
  for (const auto& row : rows) {
    if (row.in_flight || row.state == State::gone || !row.has_files || layers.contains({uid_of(row.id), row.layer}))
      continue;
    findings.push_back({Trouble::files_missing, uid_of(row.id), row.id, 0, row.layer,
                        "the files of " + who(row) + " are missing: layer " + std::to_string(row.layer) +
                            " is not on this host. Restore an archive of it into a new " +
                            std::string(describe(kind_of_id(row.id.text).value_or(Kind::sandbox)).name) +
                            ", and delete this one without an archive",
                        kind_of_id(row.id.text).value_or(Kind::sandbox), row.id.text});
  }
  for (const auto& row : rows) {
    if (row.in_flight || (row.state != State::running && row.state != State::paused)) continue;
    if (running.contains({uid_of(row.id), row.generation})) continue;
    findings.push_back({Trouble::vanished, uid_of(row.id), row.id, row.generation, 0,
                        who(row) + " is recorded as " + std::string(mayfly::name(row.state)) +
                            ", but no process of generation " + std::to_string(row.generation) + " exists",
                        Kind::sandbox, row.id.text});
  }
  return findings;
}

bool suspicious(std::size_t unknown_uids, std::size_t all_uids) {
  return unknown_uids > 10 && unknown_uids * 10 > all_uids;
}

}  // namespace mayfly::reconcile
