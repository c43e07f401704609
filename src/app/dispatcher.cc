#include "app/dispatcher.h"

#include <algorithm>

#include "app/audit.h"

namespace mayfly {

namespace {

// Read at a time: lines behind these have their turn in later rounds, which begin where this one ends.
constexpr std::size_t lines_at_once = 128;
// Workspaces whose turns are counted; more than that at once are all served by the order of priorities alone.
constexpr std::size_t most_counted = 4096;

std::size_t place_of(Lane lane) { return lane == Lane::fast ? 0 : 1; }

}  // namespace

Result<Dispatcher::Situation> Dispatcher::situation(Transaction& t) const {
  Situation now;
  now.pauses = TRY(t.cleanup_records().pauses());
  if (!rules_.caps.any()) return now;
  for (const auto& tasks : TRY(t.tasks().claimed()))
    now.in_work.add(tasks.workspace, lane_of(tasks.verb), kind_of(tasks.verb), static_cast<int>(tasks.count));
  return now;
}

/// Those of the workspaces from that one on, then of the others, as far as one look goes.
Result<Dispatcher::Lines> Dispatcher::lines(Transaction& t, Lane lane, const ResourceId& from) const {
  Lines found;
  for (const auto& line : TRY(t.tasks().lines(lane, from, lines_at_once))) found[line.workspace].push_back(line);
  if (found.size() >= lines_at_once || !from) return found;
  for (const auto& line : TRY(t.tasks().lines(lane, {}, lines_at_once))) {
    if (line.workspace >= from) break;
    found[line.workspace].push_back(line);
  }
  return found;
}

bool Dispatcher::allowed(const Situation& now, const TaskLine& line, Time at) const {
  if (paused_by(now.pauses, line.workspace, line.kind)) return false;
  const auto part = dispatch::part_of(line.lane, line.kind);
  if (!part) return true;
  std::lock_guard guard(mutex_);
  return breakers_[static_cast<std::size_t>(*part)].allows(at);
}

Result<std::vector<Task>> Dispatcher::choose(Transaction& t, Lane lane, std::size_t room, const Take& take) {
  auto now = TRY(situation(t));
  auto& turns = turns_[place_of(lane)];
  ResourceId from;
  {
    std::lock_guard guard(mutex_);
    from = turns.robin.from();
  }
  const auto waiting = TRY(lines(t, lane, from));
  std::set<ResourceId> workspaces;
  for (const auto& [workspace, lines] : waiting) workspaces.insert(workspace);
  dispatch::RoundRobin robin{0};
  {
    std::lock_guard guard(mutex_);
    turns.robin.begin(std::move(workspaces), room);
    robin = turns.robin;
  }
  std::vector<Task> chosen;
  while (const auto turn = robin.next()) {
    std::uint64_t number = 0;
    {
      std::lock_guard guard(mutex_);
      if (turns.taken.size() > most_counted) turns.taken.clear();
      number = turns.taken[turn->whose]++;
    }
    auto taken = TRY(take_turn(t, now, waiting.at(turn->whose), turn->most, number, take));
    robin.took(taken.size());
    chosen.insert(chosen.end(), std::make_move_iterator(taken.begin()), std::make_move_iterator(taken.end()));
  }
  std::lock_guard guard(mutex_);
  turns.robin = robin;
  return chosen;
}

Result<std::vector<Task>> Dispatcher::take_turn(Transaction& t, Situation& now, const std::vector<TaskLine>& lines,
                                                std::size_t most, std::uint64_t turn, const Take& take) {
  std::vector<Task> taken;
  if (!now.reading && TRY(blast_stopped(t, now, lines.front().workspace))) return taken;
  for (const auto priority : dispatch::order_of_turn(turn)) {
    for (const auto& line : lines) {
      if (taken.size() >= most) return taken;
      if (!allowed(now, line, t.now())) continue;
      auto room = std::min(most - taken.size(),
                           dispatch::room_under(rules_.caps, now.in_work, line.workspace, line.lane, line.kind));
      // What is begun of a part that was down only shows whether it answers again.
      if (const auto part = dispatch::part_of(line.lane, line.kind)) {
        std::lock_guard guard(mutex_);
        const auto& breaker = breakers_[static_cast<std::size_t>(*part)];
        if (breaker.state() != dispatch::Breaker::State::closed) room = std::min<std::size_t>(room, 1);
      }
      if (room == 0) continue;
      for (auto& task : TRY(t.tasks().claimable(line, priority, t.now(), room))) {
        TRY(take(task));
        // A probe begins with its claim: nothing else of its part is claimed beside it.
        if (!now.reading) began(task, t.now());
        now.in_work.add(line.workspace, line.lane, line.kind, 1);
        taken.push_back(std::move(task));
      }
    }
  }
  return taken;
}

Result<Dispatcher::Look> Dispatcher::look(Transaction& t, Lane lane) {
  auto now = TRY(situation(t));
  now.reading = true;
  const auto nothing = [](Task&) -> Status { return {}; };
  Look look;
  // All of them, page by page: a page may hold nothing but what is paused.
  for (ResourceId from; !look.any;) {
    const auto page = TRY(t.tasks().lines(lane, from, lines_at_once));
    for (const auto& line : page) {
      look.any = look.any || !TRY(take_turn(t, now, {line}, 1, 0, nothing)).empty();
      if (look.any) break;
    }
    if (page.size() < lines_at_once || page.back().workspace == from) break;
    from = page.back().workspace;
  }
  if (look.any) return look;
  look.next = TRY(t.tasks().next_attempt(lane, t.now()));
  std::lock_guard guard(mutex_);
  for (const auto& breaker : breakers_) {
    if (breaker.state() == dispatch::Breaker::State::closed || breaker.retry_at() <= t.now()) continue;
    if (!look.next || breaker.retry_at() < *look.next) look.next = breaker.retry_at();
  }
  return look;
}

Result<bool> Dispatcher::may_go_on(Transaction& t, const Task& task) {
  const TaskLine line{lane_of(task.verb), task.workspace, kind_of(task.verb)};
  Situation now;
  now.pauses = TRY(t.cleanup_records().pauses());
  return allowed(now, line, t.now());
}

void Dispatcher::began(const Task& task, Time now) {
  const auto part = dispatch::part_of(lane_of(task.verb), kind_of(task.verb));
  if (!part) return;
  std::lock_guard guard(mutex_);
  breakers_[static_cast<std::size_t>(*part)].began(now);
}

void Dispatcher::ended(const Task& task, const Status& outcome, Time now) {
  const auto part = dispatch::part_of(lane_of(task.verb), kind_of(task.verb));
  if (!part) return;
  std::lock_guard guard(mutex_);
  breakers_[static_cast<std::size_t>(*part)].ended(task.resource, outcome, now);
}

std::vector<Dispatcher::PartState> Dispatcher::parts() const {
  std::lock_guard guard(mutex_);
  std::vector<PartState> all;
  for (const auto part : dispatch::parts) all.push_back({part, breakers_[static_cast<std::size_t>(part)]});
  return all;
}

/// What was let go on once goes on until the wave is over.
Result<bool> Dispatcher::blast_stopped(Transaction& t, Situation& now, const ResourceId& workspace) {
  if (rules_.blast.least <= 0) return false;
  if (now.usual.contains(workspace)) return false;
  const auto open = TRY(t.tasks().open_deletes(workspace));
  const auto allowance = allowance_of(workspace);
  const bool let_go = std::any_of(now.pauses.begin(), now.pauses.end(),
                                  [&](const Pause& pause) { return pause.scope == allowance; });
  if (open < rules_.blast.least) {
    if (let_go) TRY(t.cleanup_records().remove_pause(allowance));
    return false;
  }
  if (let_go || paused_by(now.pauses, workspace, Kind::workspace)) return false;
  // Of a workspace that is itself deleted all is meant.
  const auto row = t.resources().get(workspace);
  if (row && row->state == State::deleting) return false;
  const auto enough = dispatch::enough_things(rules_.blast, open);
  const auto things = TRY(t.usage().things(workspace, enough));
  if (things >= enough) {
    now.usual.insert(workspace);
    return false;
  }
  Pause pause;
  pause.scope = pause_of(workspace);
  pause.reason = std::to_string(open) + " deletes are under way in this workspace, of " + std::to_string(things) +
                 " sandboxes and volumes that it has: so large a share is more often a mistake than meant. Resume it "
                 "to let them go on, or cancel them";
  pause.actor = "system:blast_radius";
  pause.at = t.now();
  pause.tripped = true;
  TRY(t.cleanup_records().put_pause(pause));
  Resource subject;
  subject.id = subject.workspace = workspace;
  TRY(audit(t, random_, Caller::system("blast_radius", workspace), "cleanup.blast_stopped", subject,
            {{"open", std::to_string(open)}, {"things", std::to_string(things)}}));
  now.pauses.push_back(std::move(pause));
  return true;
}

}  // namespace mayfly
