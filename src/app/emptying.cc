#include "app/emptying.h"

#include <algorithm>

#include "app/kinds.h"
#include "base/failpoint.h"

namespace mayfly {

namespace {

// Each delete is some ten rows, and a transaction of the store is closed after 5 ms.
constexpr std::size_t batch = 50;
// Its parent is a tombstone and takes nothing new in: a second pass finds what was on its way, a third finds nothing.
constexpr int most_passes = 100;

bool to_delete(const Resource& row) { return row.state != State::deleting && row.state != State::gone; }

}  // namespace

/// An archive that is being made, or that a delete rests on, has its turn when the files it is of are gone.
Result<bool> Emptying::still_needed(Transaction& t, const Resource& row) const {
  if (row.kind != Kind::archive) return false;
  const auto archive = TRY(t.archives().get(row.id));
  if (archive.resource.state != State::writing) return deletion_.rests_on(t, archive);
  const auto holder = find_holder(t, archive.sandbox);
  if (!holder && holder.error().code == Code::not_found) return false;
  if (!holder) return tl::unexpected(holder.error());
  return holder->resource.state != State::gone;
}

/// False: that was the last page. A page in which all are being deleted costs no commit.
Result<bool> Emptying::next_page(const Task& step, Kind kind, Pass& pass) const {
  const auto rows = TRY(store_.read(
      [&](Transaction& t) { return t.resources().in(step.resource, kind, pass.after, batch); }));
  if (!rows.empty() && !pass.left) pass.left = rows.front();
  if (std::any_of(rows.begin(), rows.end(), to_delete)) {
    FAILPOINT("empty.before_batch");
    const auto begun = store_.write([&](Transaction& t) -> Result<std::size_t> {
      const Task row = TRY(t.tasks().get(step.id));
      // Somebody else's by now: whoever has it goes through all of them again.
      if (row.phase != Phase::running || row.work.claim != step.work.claim) return std::size_t{0};
      if (const auto by = row.metadata.find(cleanup::cancelled_by); by != row.metadata.end())
        return fail(Code::conflict, "cancelled by " + by->second, "cancelled");
      std::size_t begun_here = 0;
      for (const auto& child : rows) {
        const auto now = TRY(t.resources().get(child.id));
        if (!to_delete(now) || TRY(still_needed(t, now))) continue;
        const DeleteRequest request{.policy = {.archive = false},
                                    .reason = "cascade",
                                    .branch = Branch{step.root, step.parent, step.stage, step.source}};
        const auto done = deletion_.begin(t, Caller::system("cascade", now.workspace), child.id, request);
        if (done) ++begun_here;
        else if (done.error().code != Code::conflict) return tl::unexpected(done.error());
        // Its own refusal comes before anything is written, and holds nobody else up.
        else pass.refusal = tl::unexpected(done.error());
      }
      return begun_here;
    });
    FAILPOINT("empty.after_batch");
    pass.begun += TRY(begun);
  }
  if (!rows.empty()) pass.after = rows.back().id.text;
  return rows.size() == batch;
}

Result<Emptying::Pass> Emptying::go_through(const Task& step) const {
  Pass all;
  for (const auto kind : kinds_in(kind_of(step.verb))) {
    all.after.clear();
    while (TRY(next_page(step, kind, all))) {
    }
  }
  return all;
}

Status Emptying::empty(const Task& step) const {
  for (int pass = 0; pass < most_passes; ++pass) {
    const auto found = TRY(go_through(step));
    if (!found.refusal) return found.refusal;
    if (found.begun == 0) return {};
  }
  return fail(Code::busy, "things keep appearing in " + step.resource.text + " while it is deleted", "keeps_growing");
}

Status Emptying::confirm(const Task& step) const {
  const auto found = TRY(go_through(step));
  if (!found.refusal) return found.refusal;
  if (!found.left) return {};
  const auto task = TRY(store_.read([&](Transaction& t) { return delete_task_of(t, found.left->id); }));
  return fail(Code::busy,
              called(*found.left) + " in it is not gone yet" +
                  (task ? ": cleanup task " + task.text : std::string()),
              "still_present");
}

}  // namespace mayfly
