#pragma once

namespace mayfly {

int serve(int argc, char** argv);

/// `mayfly doctor --data DIR`: the comparison with the server down.
int doctor_offline(int argc, char** argv);

}  // namespace mayfly
