#pragma once
// From a request that has arrived to the answer that goes out, with everything in between but the sockets: routes,
// threads, refusals, what the head of the answer must say, and who is told about it.

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/body_pipe.h"
#include "http/body_pull.h"
#include "http/head.h"
#include "http/inbox.h"
#include "http/pool.h"
#include "http/server.h"

namespace mayfly::http {

/// One request from its first byte to the last one of its answer.
struct Exchange {
  Exchange(const std::shared_ptr<Inbox>& inbox, Waiter& waiter) : mailbox(std::make_shared<Mailbox>(inbox, waiter)) {}
  ~Exchange() { mailbox->leave(); }
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  const Request& request() const { return *head.request; }

  RequestHead head;
  const Route* route = nullptr;
  std::vector<std::string> allowed;    // methods, when the route is missing only for the request's
  bool body_is_unread = false;
  std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();
  std::shared_ptr<Mailbox> mailbox;
  Seat seat;
};

/// For the I/O thread, counters aside.
class Dispatch {
 public:
  Dispatch(const ServerOptions& options, const Router& router, std::function<void(const Finished&)> finished);

  void find_route(Exchange& x) const;
  /// Hands the request to its handler; the answer comes into the mailbox. False: no thread is free for it.
  bool start(Exchange& x, const std::shared_ptr<BodyPipe>& body);
  bool wants_stream(const Exchange& x) const;
  /// What the owner of the path says to what the server refuses.
  Answer refusal(const Exchange& x, int status, std::string_view detail);
  /// A handler's answer, with a body made for it where it is a bare error.
  Answer shaped(const Exchange& x, Answer answer) const;
  /// Gives the exchange a place on the streaming pool; false when all are taken.
  bool take_seat(Exchange& x);
  void report(const Exchange& x, int status, std::string_view trouble);

  Pool& stream_pool() { return stream_pool_; }
  void stop();
  void count_refused() { ++refused_; }
  std::uint64_t requests() const { return requests_.load(); }
  std::uint64_t refused() const { return refused_.load(); }
  std::size_t waiting() const { return pool_.waiting(); }

 private:
  template <class Handle>
  bool run(Pool& pool, const Exchange& x, Handle handle);
  void run_async(const AsyncHandler& handler, const Exchange& x);

  const Router& router_;
  const std::function<void(const Finished&)> finished_;
  const int seats_;
  std::shared_ptr<std::atomic<int>> seats_taken_ = std::make_shared<std::atomic<int>>(0);
  std::atomic<std::uint64_t> requests_{0};
  std::atomic<std::uint64_t> refused_{0};
  Pool pool_;
  Pool stream_pool_;
};

/// Whether the body of that answer is left out, because of the method or the status.
bool goes_without_body(const Exchange& x, const Response& response);
Framing framing_of(const Exchange& x, const Response& response, bool last);

}  // namespace mayfly::http
