// The C interface: start, run and stop a student. One caller at a time per engine; run allocates nothing.
#include <memory>
#include <new>
#include <system_error>

#include "student.h"
#include "team.h"

namespace {

using namespace edgecsi;

struct Engine {
    virtual ~Engine() = default;
    virtual void run(const float* history, float* future, long users) = 0;
};

template <class Precision>
class StudentEngine : public Engine {
   public:
    StudentEngine(const Sizes& sizes, const float* weights, int threads)
        : student(sizes, weights), threads(threads), rooms(threads, typename Student<Precision>::Room(sizes)),
          team(threads, [this](int thread) { part(thread); }) {}

    void run(const float* from, float* to, long count) override {
        history = from;
        future = to;
        users = count;
        team.run();
    }

   private:
    // Groups of antennas, user after user; this thread's share of them.
    void part(int thread) {
        const Sizes& sizes = student.sizes;
        const long groups = padded(sizes.antennas, GROUP) / GROUP, total = groups * users;
        const long begin = total * thread / threads, end = total * (thread + 1) / threads;
        for (long group = begin; group < end;) {
            const long user = group / groups;
            const float* csi = history + user * sizes.user_in();
            const Scale scale(csi, sizes.user_in());
            for (; group < end && group / groups == user; ++group) {
                const int antenna = static_cast<int>(group % groups) * GROUP;
                student.predict(csi + static_cast<long>(antenna) * sizes.history * sizes.features, scale,
                                std::min(GROUP, sizes.antennas - antenna), rooms[thread],
                                future + user * sizes.user_out() + static_cast<long>(antenna) * sizes.future * sizes.features);
            }
        }
    }

    const Student<Precision> student;
    const int threads;
    std::vector<typename Student<Precision>::Room> rooms;
    const float* history = nullptr;
    float* future = nullptr;
    long users = 0;
    Team team;  // last, so that its threads leave first
};

}  // namespace

#define EXPORTED __attribute__((visibility("default")))

extern "C" {

// Whether this processor has the instructions: 0 none, 1 AVX-512 (FP32), 2 also AVX512-BF16.
EXPORTED int edgecsi_native_level() {
    const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    return !avx512 ? 0 : __builtin_cpu_supports("avx512bf16") ? 2 : 1;
}

// sizes: SIZE_COUNT ints (SizeTable). weights: `count` floats. Null where they can't be used, or memory or threads run out.
EXPORTED void* edgecsi_native_start(const int* sizes, const float* weights, long count, int threads, int bf16) {
    Sizes found;
    static_assert(sizeof found == SIZE_COUNT * sizeof(int));
    std::memcpy(&found, sizes, sizeof found);
    if (!found.valid() || found.weights() != count || threads < 1) return nullptr;
    try {
        if (bf16) return static_cast<Engine*>(new StudentEngine<Bf16>(found, weights, threads));
        return static_cast<Engine*>(new StudentEngine<Fp32>(found, weights, threads));
    } catch (const std::bad_alloc&) {
        return nullptr;
    } catch (const std::system_error&) {
        return nullptr;
    }
}

// history float [users, antenna, T, K, 2] -> future float [users, antenna, P, K, 2].
EXPORTED void edgecsi_native_run(void* engine, const float* history, float* future, long users) {
    static_cast<Engine*>(engine)->run(history, future, users);
}

EXPORTED void edgecsi_native_stop(void* engine) { delete static_cast<Engine*>(engine); }
}
