#include "http/guests.h"

#include <iterator>

namespace mayfly::http {

Guest::Guest(Guests& guests) : guests_(guests) { place_ = guests_.busy_.insert(guests_.busy_.end(), this); }

Guest::~Guest() { (idle_ ? guests_.idle_ : guests_.busy_).erase(place_); }

void Guest::set_idle(bool idle) {
  if (idle == idle_) return;
  auto& from = idle_ ? guests_.idle_ : guests_.busy_;
  auto& to = idle ? guests_.idle_ : guests_.busy_;
  to.splice(to.end(), from, place_);
  idle_ = idle;
}

bool Guests::cut_oldest_idle() {
  if (idle_.empty()) return false;
  auto& oldest = *idle_.front();
  oldest.set_idle(false);
  oldest.cut();
  return true;
}

void Guests::cut_idle() {
  while (cut_oldest_idle()) {
  }
}

void Guests::cut_all() {
  cut_idle();
  for (auto* guest : busy_) guest->cut();
}

void Guests::tell_late(Guest::Clock::time_point now) {
  for (const auto* guests : {&busy_, &idle_}) {
    for (auto* guest : *guests) {
      if (guest->deadline_ > now) continue;
      guest->wait_for_ever();
      guest->on_late();
    }
  }
}

}  // namespace mayfly::http
