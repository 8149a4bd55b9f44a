// Makes TF_CPP_MIN_LOG_LEVEL hold from the start. TensorFlow 2.21 reads it only after its libraries have been initialised, and they log
// ("oneDNN custom operations are on ...") while that happens. This library is linked with `-z initfirst`, so its constructor runs before
// theirs; the symbol is already bound then, and all it does is store a number.

#include <cstdlib>

// absl::SetMinLogLevel; weak, so that a TensorFlow with another Abseil merely stays as noisy as it is.
extern "C" void set_min_log_level(int) __asm__("_ZN4absl12lts_2025081414SetMinLogLevelENS0_18LogSeverityAtLeastE")
    __attribute__((weak));

__attribute__((constructor)) static void quiet_start() {
  const char *level = std::getenv("TF_CPP_MIN_LOG_LEVEL");
  if (level != nullptr && set_min_log_level != nullptr) set_min_log_level(std::atoi(level));
}
