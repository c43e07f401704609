#include <array>

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/session.h"
#include "base/result.h"
#include "driver/agent_client/messages.h"
#include "fuzz/targets.h"

namespace mayfly::fuzz {

namespace {

using wire::Operation;

/// What a hostile agent says: pieces of any length give the same reply or the same refusal.
void hear_an_agent(std::string_view bytes, std::size_t cut) {
  agent_client::ReplyReader whole("an agent", 4096), pieces("an agent", 4096);
  const auto at_once = whole.take(bytes);
  auto in_two = pieces.take(bytes.substr(0, cut));
  if (in_two && !*in_two) in_two = pieces.take(bytes.substr(cut));
  if (at_once && in_two && *at_once && *in_two) {
    const auto reply = whole.reply(), other = pieces.reply();
    CHECK(reply.fields == other.fields && reply.content == other.content);
  }
}

/// A reply whose fields are `bytes`, to every question.
void read_fields(std::string_view bytes) {
  const auto reply = [&] { return agent_client::Reply{std::string(bytes), std::string(bytes)}; };
  (void)agent_client::read_status(reply());
  (void)agent_client::read_process(reply());
  if (const auto all = agent_client::read_processes(reply())) CHECK(all->size() <= wire::list_limit);
  (void)agent_client::read_run(reply());
  (void)agent_client::read_log(reply(), 100);
  (void)agent_client::read_stat(reply());
  if (const auto list = agent_client::read_list(reply()))
    for (const auto& entry : list->entries) CHECK(entry.name.find('/') == entry.name.npos && !entry.name.empty());
  (void)agent_client::read_tree(reply());
  (void)agent_client::read_count(reply());
  (void)agent_client::read_fed(reply(), 10);
  (void)agent_client::read_news(bytes);
  CHECK(agent_client::read_nothing(reply()).has_value() == bytes.empty());
  (void)wire::decode_error(bytes);
}

void take_a_header_apart(std::string_view bytes) {
  if (bytes.size() < wire::header_size) return;
  const std::span<const char, wire::header_size> span(bytes.data(), wire::header_size);
  const auto header = wire::decode_header(span);
  if (!header) return;
  CHECK(header->length <= wire::body_limit);
  const auto again = wire::encode(*header);
  CHECK(std::string_view(again.data(), again.size()) == bytes.substr(0, wire::header_size));
}

/// What a hostile caller says to the agent, to operations that change nothing on the machine that fuzzes: the input is
/// operation, length, body, again and again.
void speak_to_an_agent(std::string_view input) {
  constexpr std::array harmless = {Operation::status, Operation::processes, Operation::process, Operation::wait,
                                   Operation::log,    Operation::feed,      Operation::follow,  Operation::attach};
  int ends[2];
  CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  const auto send = [&](std::string_view bytes) {
    CHECK(::send(ends[0], bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
  };
  // Both sides run in one thread: more would not fit into the sockets.
  for (int left = 8; left > 0 && input.size() >= 2; --left) {
    const auto operation = harmless[static_cast<unsigned char>(input[0]) % harmless.size()];
    const auto body = input.substr(2, static_cast<unsigned char>(input[1]));
    const wire::Header header{wire::Kind::request, operation, static_cast<std::uint32_t>(body.size())};
    const auto bytes = wire::encode(header);
    send({bytes.data(), bytes.size()});
    send(body);
    input.remove_prefix(2 + body.size());
  }
  CHECK(::shutdown(ends[0], SHUT_WR) == 0);
  static agent::ProcessTable processes(::epoll_create1(EPOLL_CLOEXEC), agent::Fd(::open("/dev/null", O_RDONLY)), {});
  static agent::Shared shared{processes};
  agent::serve(agent::Channel(agent::Fd(ends[1])), shared);
  ::close(ends[0]);
}

}  // namespace

void agent(std::string_view input) {
  hear_an_agent(input, input.empty() ? 0 : static_cast<unsigned char>(input[0]) % (input.size() + 1));
  read_fields(input);
  take_a_header_apart(input);
  speak_to_an_agent(input);
}

}  // namespace mayfly::fuzz
