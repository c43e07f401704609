#pragma once
// Who is connected, who of them is idle and since when, and until when each may go on waiting. One thread only.

#include <chrono>
#include <cstddef>
#include <list>

namespace mayfly::http {

class Guests;

/// One connection, as far as its place among the others goes.
class Guest {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Guest(Guests& guests);
  virtual ~Guest();
  Guest(const Guest&) = delete;
  Guest& operator=(const Guest&) = delete;

  /// What it waits for has not come in time.
  virtual void on_late() = 0;
  /// It must go at once.
  virtual void cut() = 0;

  void set_idle(bool idle);
  bool idle() const { return idle_; }
  void wait_until(Clock::time_point deadline) { deadline_ = deadline; }
  void wait_for_ever() { deadline_ = Clock::time_point::max(); }

 private:
  friend class Guests;
  Guests& guests_;
  Clock::time_point deadline_ = Clock::time_point::max();
  bool idle_ = false;
  std::list<Guest*>::iterator place_;
};

class Guests {
 public:
  std::size_t size() const { return busy_.size() + idle_.size(); }
  /// Cuts the one that has been idle longest; false when none is. It is not chosen a second time.
  bool cut_oldest_idle();
  void cut_idle();
  void cut_all();
  /// Tells everyone whose deadline has passed, once for each deadline.
  void tell_late(Guest::Clock::time_point now);

 private:
  friend class Guest;
  std::list<Guest*> busy_;
  std::list<Guest*> idle_;  // the oldest first
};

}  // namespace mayfly::http
