#pragma once
// The names of Asio as this folder uses them. Included by its sources alone: no type of Asio leaves src/http.

#include <array>
#include <chrono>
#include <string_view>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace mayfly::http {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// The one executor there is, by its own type: the general one costs a virtual call at every step.
using Executor = asio::io_context::executor_type;
using Socket = asio::basic_stream_socket<tcp, Executor>;
using LocalSocket = asio::basic_stream_socket<asio::local::stream_protocol, Executor>;
using Acceptor = asio::basic_socket_acceptor<tcp, Executor>;
using Timer = asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, Executor>;
template <class T>
using awaitable = asio::awaitable<T, Executor>;

// Every co_await stands in a statement of its own: g++ 12 does not survive all that do not.
constexpr auto as_tuple = asio::as_tuple(asio::use_awaitable_t<Executor>());

constexpr std::size_t small_read = 2 * 1024;   // nearly every request; what an idle connection keeps
constexpr std::size_t large_read = 64 * 1024;  // while a body is on its way

using Parts = std::array<asio::const_buffer, 3>;

inline asio::const_buffer as_buffer(std::string_view text) { return {text.data(), text.size()}; }

inline Parts parts_of(std::string_view one, std::string_view two = {}, std::string_view three = {}) {
  return {as_buffer(one), as_buffer(two), as_buffer(three)};
}

/// Takes `count` bytes off the front.
inline void consume(Parts& parts, std::size_t count) {
  for (auto& part : parts) {
    const auto used = std::min(count, part.size());
    part += used;
    count -= used;
  }
}

}  // namespace mayfly::http
