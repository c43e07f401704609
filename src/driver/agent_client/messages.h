#pragma once
// The fields of requests and answers. What an agent says is checked here: afterwards it is well formed, though it may
// still be a lie.

#include "base/wire.h"
#include "driver/agent_client/connection.h"
#include "ports/agent.h"

namespace mayfly::agent_client {

/// Content that the answers below may have, at most.
constexpr std::size_t run_content_limit = 2 * wire::log_limit;
constexpr std::size_t list_content_limit = wire::list_bytes_limit;
constexpr std::size_t processes_content_limit = 8 << 20;

void write_command(wire::Writer& to, const Command& command);

// Code::invalid when the reply is not what its operation answers.
Result<AgentStatus> read_status(const Reply& reply);
Result<Process> read_process(const Reply& reply);
Result<std::vector<Process>> read_processes(const Reply& reply);
Result<RunResult> read_run(Reply reply);
Result<LogPiece> read_log(Reply reply, std::int64_t limit);
Result<FileInfo> read_stat(const Reply& reply);
Result<FileList> read_list(const Reply& reply);  // names
Result<FileList> read_tree(const Reply& reply);  // paths below its root
Result<std::int64_t> read_count(const Reply& reply);
Result<Fed> read_fed(const Reply& reply, std::size_t given);
/// One frame of a process that is followed; its `dropped` is the reader's to find.
Result<ProcessNews> read_news(std::string_view frame);
Status read_nothing(const Reply& reply);

}  // namespace mayfly::agent_client
