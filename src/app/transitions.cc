#include "app/transitions.h"

#include "app/audit.h"
#include "app/deletion.h"
#include "app/ids.h"
#include "base/failpoint.h"
#include "core/host_words.h"

namespace mayfly {

using lifecycle::Move;

namespace {

// A start that a caller waits for must fail while they still care; a stop or a pause goes on until it is done.
constexpr int start_attempts = 5;

Caller worker_of(const Sandbox& sandbox) { return Caller::system("worker", sandbox.resource.workspace); }

}  // namespace

Result<Commit> Transitions::perform(const Sandbox& sandbox) {
  switch (sandbox.resource.state) {
    case State::starting: return start(sandbox);
    case State::pausing: return freeze(sandbox);
    case State::resuming: return thaw(sandbox);
    case State::stopping: return stop(sandbox);
    default: CHECK(false);
  }
}

Result<Commit> Transitions::start(const Sandbox& sandbox) {
  const auto incarnation = incarnation_of(sandbox, installation_);
  if (awaits_restore(sandbox)) TRY(restore(sandbox));
  else if (sandbox.started_at) TRY(files_are_there(sandbox));
  const auto volumes = TRY(volumes_of(sandbox));
  FAILPOINT("start_sandbox.before_effect");
  auto begun = driver_.start({incarnation, sandbox.layer, sandbox.spec, volumes});
  if (!begun) {
    // What it left would stand in the way of the next try; what this cannot take away the reconciler will.
    if (driver_.kill(incarnation)) (void)driver_.release(incarnation);
    return tl::unexpected(begun.error());
  }
  auto started = std::move(*begun);
  if (!started.caveats.empty()) started_with_caveats(sandbox, started.caveats);
  FAILPOINT("start_sandbox.after_effect");
  return Commit([this, id = sandbox.resource.id, caveats = std::move(started.caveats)](Transaction& t) -> Status {
    Sandbox row = TRY(t.sandboxes().get(id));
    set_state(row, TRY(lifecycle::next(row.resource.state, Move::started)));
    row.caveats = caveats;
    row.started_at = row.resource.updated_at = t.now();
    row.work = {};
    row.ending.reset();
    lifetime::run(row.lifetime, row.resource.state, t.moment(), installation_.down);
    t.wakes.deadline_at(row.lifetime.wake_at);
    t.wakes.settled.push_back(id);
    TRY(t.sandboxes().update(row));
    TRY(audit(t, random_, worker_of(row), "sandbox.started", row.resource,
              {{"generation", std::to_string(row.resource.generation)}}));
    return {};
  });
}

/// The driver makes a layer that is absent: an empty sandbox would come up where somebody's work was.
Status Transitions::files_are_there(const Sandbox& sandbox) {
  if (TRY(driver_.has_layer(layer_of(sandbox, installation_)))) return {};
  return fail(Code::internal,
              "the files of " + sandbox.resource.id.text + " are gone: layer " + std::to_string(sandbox.layer) +
                  " is not on this host. Restore an archive of it into a new sandbox, and delete this one without an "
                  "archive",
              "layer_missing");
}

/// None of them can be deleted while this sandbox mounts it; files that are gone all the same are told of.
Result<std::vector<MountedVolume>> Transitions::volumes_of(const Sandbox& sandbox) {
  std::vector<MountedVolume> all;
  for (const auto& mount : sandbox.mounts) {
    const auto volume = TRY(store_.read([&](Transaction& t) { return t.volumes().get(mount.volume); }));
    const auto layer = layer_of(volume, installation_);
    if (!TRY(driver_.has_layer(layer)))
      return fail(Code::internal,
                  "the files of volume " + volume.resource.name + " (" + volume.resource.id.text +
                      ") are not on this host. Restore an archive of it into a new volume",
                  "volume_missing");
    all.push_back({layer, mount.path, mount.read_only});
  }
  return all;
}

Status Transitions::restore(const Sandbox& sandbox) {
  // Until its first start is recorded nobody was told that it runs: whatever an attempt that died has left may go.
  const auto incarnation = incarnation_of(sandbox, installation_);
  TRY(driver_.kill(incarnation));
  TRY(driver_.release(incarnation));
  const ResourceId source{sandbox.spec.restore_from};
  const auto archive = TRY(store_.read([&](Transaction& t) { return t.archives().get(source); }));
  const auto tar = TRY(blobs_.open(archive.key));
  FAILPOINT("restore.before_effect");
  const auto found = TRY(driver_.import_layer(layer_of(sandbox, installation_), *tar));
  FAILPOINT("restore.after_effect");
  if (found.digest == archive.content.digest) return {};
  return fail(Code::internal,
              "archive " + source.text + " does not hold what was archived: its manifest digest is " + found.digest +
                  ", recorded was " + archive.content.digest,
              "archive_damaged");
}

Result<Commit> Transitions::freeze(const Sandbox& sandbox) {
  FAILPOINT("pause_sandbox.before_effect");
  TRY(driver_.freeze(incarnation_of(sandbox, installation_)));
  FAILPOINT("pause_sandbox.after_effect");
  return moves(sandbox, Move::paused, "sandbox.paused");
}

Result<Commit> Transitions::thaw(const Sandbox& sandbox) {
  FAILPOINT("resume_sandbox.before_effect");
  TRY(driver_.thaw(incarnation_of(sandbox, installation_)));
  FAILPOINT("resume_sandbox.after_effect");
  return moves(sandbox, Move::resumed, "sandbox.resumed");
}

Result<Commit> Transitions::stop(const Sandbox& sandbox) {
  const auto incarnation = incarnation_of(sandbox, installation_);
  FAILPOINT("halt_sandbox.before_effect");
  TRY(driver_.kill(incarnation));
  TRY(driver_.release(incarnation));
  FAILPOINT("halt_sandbox.after_effect");
  return moves(sandbox, Move::stopped, "sandbox.stopped");
}

Commit Transitions::moves(const Sandbox& sandbox, Move move, std::string event) {
  return [this, id = sandbox.resource.id, move, event](Transaction& t) -> Status {
    Sandbox row = TRY(t.sandboxes().get(id));
    set_state(row, TRY(lifecycle::next(row.resource.state, move)));
    row.resource.updated_at = t.now();
    row.work = {};
    if (move == Move::resumed) {
      lifetime::run(row.lifetime, row.resource.state, t.moment(), installation_.down);
      row.ending.reset();
    }
    if (move == Move::stopped)
      lifetime::halt(row.lifetime, row.resource.state, row.lifetime.retention.value_or(halted_retention), t.moment(),
                     installation_.down);
    t.wakes.deadline_at(row.lifetime.wake_at);
    t.wakes.settled.push_back(id);
    TRY(t.sandboxes().update(row));
    std::map<std::string, std::string> data;
    if (row.ending) data["reason"] = row.ending->reason;
    TRY(audit(t, random_, worker_of(row), event, row.resource, std::move(data)));
    return {};
  };
}

Status Transitions::failed(Transaction& t, Sandbox sandbox, const Error& error) {
  const auto kind = retry::classify(error.code);
  sandbox.work.claim = 0;
  sandbox.work.last_error = without_host_words(error.message);
  sandbox.work.error_code = error.reason.empty() ? std::string(name(error.code)) : error.reason;
  sandbox.resource.updated_at = t.now();

  const bool starts = sandbox.resource.state == State::starting;
  const bool vanished = kind == retry::Class::absent && !starts;  // nothing left to freeze or thaw
  const bool give_up = starts && (kind == retry::Class::permanent || kind == retry::Class::absent ||
                                  sandbox.work.attempts >= start_attempts);
  if (vanished && sandbox.resource.state != State::stopping) {
    set_state(sandbox, TRY(lifecycle::next(sandbox.resource.state, Move::lost)));
    sandbox.ending = Ending{"lost", "system:worker", t.now()};
    ++sandbox.halts;
    sandbox.work.attempts = 0;
    sandbox.work.next_attempt_at = t.now();
    lifetime::halt(sandbox.lifetime, sandbox.resource.state, halted_retention, t.moment(), installation_.down);
    t.wakes.work(Lane::fast);
    TRY(audit(t, random_, worker_of(sandbox), "sandbox.lost", sandbox.resource, {{"error", error.message}}));
    return t.sandboxes().update(sandbox);
  }
  if (!give_up) {
    sandbox.work.next_attempt_at = t.now() + retry::delay(kind, sandbox.work.attempts, unit_interval(random_));
    return t.sandboxes().update(sandbox);
  }
  set_state(sandbox, TRY(lifecycle::next(sandbox.resource.state, Move::start_failed)));
  sandbox.ending = Ending{"start_failed", "system:worker", t.now()};
  sandbox.work.next_attempt_at.reset();
  lifetime::halt(sandbox.lifetime, State::failed, halted_retention, t.moment(), installation_.down);
  t.wakes.deadline_at(sandbox.lifetime.wake_at);
  t.wakes.settled.push_back(sandbox.resource.id);
  TRY(t.sandboxes().update(sandbox));
  TRY(audit(t, random_, worker_of(sandbox), "sandbox.start_failed", sandbox.resource, {{"error", error.message}}));
  return {};
}

}  // namespace mayfly
