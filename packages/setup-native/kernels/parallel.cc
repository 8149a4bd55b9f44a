// A small pool of threads of our own: TensorFlow's C interface does not lend its kernels the one it has. A worker that has nothing to do looks
// for work for some microseconds, which is what lies between two operations of a training step, and then sleeps.
#include "parallel.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <thread>

namespace {

/** How often a worker looks for work before it sleeps, some hundred microseconds. */
constexpr int LOOKS = 5000;
/** How often the caller looks for the end of the last tasks before it lets other programs run. */
constexpr int LOOKS_FOR_END = 40000;

inline void pause_briefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ __volatile__("yield");
#endif
}

/** While it lives, numbers below 1e-38 are 0 on this thread, as they are in TensorFlow's own: some processors compute with them a hundred times slower. */
class FlushDenormals {
#if defined(__x86_64__)
  const unsigned before = __builtin_ia32_stmxcsr();

public:
  FlushDenormals() { __builtin_ia32_ldmxcsr(before | 0x8040); }
  ~FlushDenormals() { __builtin_ia32_ldmxcsr(before); }
#elif defined(__aarch64__)
  uint64_t before;

public:
  FlushDenormals() {
    __asm__ __volatile__("mrs %0, fpcr" : "=r"(before));
    __asm__ __volatile__("msr fpcr, %0" : : "r"(before | 1 << 24));
  }
  ~FlushDenormals() { __asm__ __volatile__("msr fpcr, %0" : : "r"(before)); }
#else
public:
  FlushDenormals() {}
#endif
};

struct Pool {
  std::mutex in_use;
  std::mutex mutex;
  std::condition_variable more;
  /** Number of the round in the upper half, tasks that nobody has taken yet in the lower: taken together or not at all. */
  std::atomic<uint64_t> state{0};
  std::atomic<int> finished{0};
  std::atomic<void (*)(const void *, int)> task{nullptr};
  std::atomic<const void *> context{nullptr};

  /** Where the system gives fewer threads, these and the caller do all the work. */
  explicit Pool(int workers) {
    try {
      for (int i = 0; i < workers; i++) std::thread([this] { work(); }).detach();
    } catch (const std::exception &) {
      // Those that run use the pool, so that it must live.
    }
  }

  uint64_t round() const { return state.load() >> 32; }

  void start(int tasks, void (*new_task)(const void *, int), const void *new_context) {
    task.store(new_task);
    context.store(new_context);
    finished.store(0);
    {
      std::lock_guard<std::mutex> lock(mutex);
      state.store((round() + 1) << 32 | static_cast<uint32_t>(tasks));
    }
    more.notify_all();
  }

  /** A worker that comes late finds nothing left, so that a round need not wait for workers that sleep. */
  void take_tasks() {
    for (uint64_t seen = state.load(); static_cast<uint32_t>(seen) > 0;) {
      // They belong to this round if the state has not changed by the next line.
      void (*const run)(const void *, int) = task.load();
      const void *const with = context.load();
      if (!state.compare_exchange_weak(seen, seen - 1)) continue;
      run(with, static_cast<int>(static_cast<uint32_t>(seen) - 1));
      finished.fetch_add(1);
      seen = state.load();
    }
  }

  void work() {
    const FlushDenormals flush;
    for (uint64_t seen = 0;;) {
      for (int i = 0; i < LOOKS && round() == seen; i++) pause_briefly();
      if (round() == seen) {
        std::unique_lock<std::mutex> lock(mutex);
        more.wait(lock, [&] { return round() != seen; });
      }
      seen = round();
      take_tasks();
    }
  }
};

} // namespace

/** More would not compute sooner, and parts are counted with an int. */
constexpr int MOST_THREADS = 1024;

int thread_count() {
  static const int count = [] {
    const char *set = std::getenv("TF_NUM_INTRAOP_THREADS");
    if (set && std::atoi(set) > 0) return std::min(std::atoi(set), MOST_THREADS);
    cpu_set_t cores;
    return sched_getaffinity(0, sizeof(cores), &cores) == 0 ? std::max(1, CPU_COUNT(&cores)) : 1;
  }();
  return count;
}

void run_tasks(int tasks, void (*task)(const void *, int), const void *context) {
  const FlushDenormals flush;
  const int workers = thread_count() - 1;
  // Never freed: its threads live as long as the process.
  static Pool *const pool = workers > 0 ? new Pool(workers) : nullptr;
  // Another thread of Node may be using the pool.
  if (!pool || tasks < 2 || !pool->in_use.try_lock()) {
    for (int index = 0; index < tasks; index++) task(context, index);
    return;
  }
  pool->start(tasks, task, context);
  pool->take_tasks();
  for (int i = 0; pool->finished.load() < tasks; i++) i < LOOKS_FOR_END ? pause_briefly() : std::this_thread::yield();
  pool->in_use.unlock();
}

float *scratch(Scratch which, size_t floats) {
  struct Buffer {
    float *data = nullptr;
    size_t floats = 0;
    ~Buffer() { std::free(data); }
  };
  static thread_local Buffer buffers[SCRATCHES];
  Buffer &buffer = buffers[which];
  if (buffer.floats < floats) {
    std::free(buffer.data);
    const size_t bytes = (floats * sizeof(float) + 4095) / 4096 * 4096;
    buffer.data = static_cast<float *>(std::aligned_alloc(64, bytes));
    buffer.floats = buffer.data ? bytes / sizeof(float) : 0;
  }
  return buffer.data;
}
