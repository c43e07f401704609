#include <cstring>

#include "cli/cli.h"
#include "main/serve.h"

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "serve") == 0) return mayfly::serve(argc, argv);
  // With a data directory it works on the files themselves, without one it asks the server.
  if (argc > 2 && std::strcmp(argv[1], "doctor") == 0 && std::strncmp(argv[2], "--data", 6) == 0)
    return mayfly::doctor_offline(argc, argv);
  return mayfly::run_cli(argc, argv);
}
