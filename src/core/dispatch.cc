#include "core/dispatch.h"

#include <algorithm>
#include <array>

namespace mayfly::dispatch {

namespace {

constexpr std::array part_names = {"host", "objects", "images"};
constexpr std::array state_names = {"closed", "open", "half_open"};
constexpr std::array upwards = {Priority::user, Priority::quota, Priority::retention, Priority::orphan};
constexpr std::uint64_t turns_for_the_lowest = 8;

/// The part itself does not answer, whatever it was asked.
bool part_is_down(const Status& outcome) {
  if (outcome) return false;
  const auto code = outcome.error().code;
  return code == Code::unavailable || code == Code::timed_out || code == Code::unknown;
}

int room_in(const std::map<std::string, int>& caps, const std::map<std::string, int>& in_work, const std::string& name,
            int room) {
  const auto cap = caps.find(name);
  if (cap == caps.end() || cap->second <= 0) return room;
  const auto used = in_work.find(name);
  return std::min(room, cap->second - (used == in_work.end() ? 0 : used->second));
}

}  // namespace

void RoundRobin::begin(std::set<ResourceId> waiting, std::size_t room) {
  room_ = room;
  waiting_.assign(waiting.begin(), waiting.end());
  const bool goes_on = left_ > 0 && waiting.contains(last_);
  if (!goes_on) left_ = 0;
  const auto first = goes_on ? std::lower_bound(waiting_.begin(), waiting_.end(), last_)
                             : std::upper_bound(waiting_.begin(), waiting_.end(), last_);
  std::rotate(waiting_.begin(), first, waiting_.end());
}

std::optional<RoundRobin::Turn> RoundRobin::next() {
  if (room_ == 0 || waiting_.empty()) return std::nullopt;
  last_ = waiting_.front();
  if (left_ == 0) left_ = quantum_;
  most_ = std::min(left_, room_);
  return Turn{last_, most_};
}

void RoundRobin::took(std::size_t tasks) {
  CHECK(tasks <= most_ && !waiting_.empty());
  room_ -= tasks;
  left_ -= tasks;
  const bool has_more = tasks == most_;
  if (has_more && left_ > 0) return;   // no more room: the rest of the turn is kept
  left_ = 0;
  waiting_.pop_front();
  if (has_more) waiting_.push_back(last_);
}

std::vector<Priority> order_of_turn(std::uint64_t turn) {
  std::vector<Priority> order(upwards.begin(), upwards.end());
  if (turn % turns_for_the_lowest == turns_for_the_lowest - 1) std::reverse(order.begin(), order.end());
  return order;
}

std::string_view name(Part part) { return part_names[static_cast<std::size_t>(part)]; }
std::optional<Part> parse_part(std::string_view text) {
  for (const auto part : parts)
    if (text == name(part)) return part;
  return std::nullopt;
}

std::optional<Part> part_of(Lane lane, Kind kind) {
  if (kind == Kind::archive) return Part::objects;
  if (kind == Kind::image) return Part::images;
  if (!describe(kind).has_bytes) return std::nullopt;
  return lane == Lane::slow ? Part::objects : Part::host;
}

std::string_view name(Breaker::State state) { return state_names[static_cast<std::size_t>(state)]; }

void Breaker::began(Time now) {
  if (state_ == State::closed || now < retry_at_) return;
  state_ = State::half_open;
  retry_at_ = now + probe_patience;
}

void Breaker::ended(const ResourceId& of, const Status& outcome, Time now) {
  // Who is merely busy with one thing says nothing of the others.
  if (!outcome && outcome.error().code == Code::busy) {
    if (state_ == State::half_open) retry_at_ = now;   // and was no probe
    return;
  }
  if (!part_is_down(outcome)) {
    *this = Breaker();
    return;
  }
  ++failures_;
  if (failed_.size() < things_to_open) failed_.insert(of);
  const bool enough = failures_ >= failures_to_open && failed_.size() >= things_to_open;
  if (state_ == State::open || (state_ == State::closed && !enough)) return;
  wait_ = state_ == State::closed ? first_wait : std::min(longest_wait, wait_ * 2);
  state_ = State::open;
  retry_at_ = now + wait_;
}

void InWork::add(const ResourceId& workspace, Lane lane, Kind kind, int tasks) {
  workspaces[workspace] += tasks;
  kinds[std::string(describe(kind).name)] += tasks;
  if (const auto part = part_of(lane, kind)) parts[std::string(name(*part))] += tasks;
}

std::size_t room_under(const Caps& caps, const InWork& in_work, const ResourceId& workspace, Lane lane, Kind kind) {
  int room = 1 << 20;
  if (caps.per_workspace > 0) {
    const auto used = in_work.workspaces.find(workspace);
    room = std::min(room, caps.per_workspace - (used == in_work.workspaces.end() ? 0 : used->second));
  }
  room = room_in(caps.kinds, in_work.kinds, std::string(describe(kind).name), room);
  if (const auto part = part_of(lane, kind)) room = room_in(caps.parts, in_work.parts, std::string(name(*part)), room);
  return static_cast<std::size_t>(std::max(room, 0));
}

std::int64_t enough_things(const BlastRule& rule, std::int64_t open) {
  // One more than the share: exactly that share is still usual.
  return (open * 100 + rule.percent - 1) / std::max(rule.percent, 1);
}

}  // namespace mayfly::dispatch
