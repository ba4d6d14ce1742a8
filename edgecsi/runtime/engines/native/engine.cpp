// The C interface: start, run and stop a student. One caller at a time per engine; run allocates nothing, and
// never waits for what may not come.
#include <memory>
#include <new>
#include <optional>
#include <system_error>

#include "student.h"
#include "team.h"

namespace {

using namespace edgecsi;

struct Engine {
    virtual ~Engine() = default;
    virtual Outcome run(const float* history, long history_count, float* future, long future_count, long users) = 0;
    virtual bool may_be_freed() const = 0;
};

template <class Precision>
class StudentEngine : public Engine {
   public:
    StudentEngine(const Sizes& sizes, const float* weights, int threads)
        : student(sizes, weights), rooms(threads, typename Student<Precision>::Room(sizes)), scales(threads),
          groups(padded(sizes.antennas, GROUP) / GROUP),
          team(threads, [this](int thread, std::uint32_t call, long group) { predict(thread, call, group); }) {}

    Outcome run(const float* from, long from_count, float* to, long to_count, long users) override {
        const Sizes& sizes = student.sizes;
        if (users < 0 || users > MAX_USERS || from_count != users * sizes.user_in() || to_count != users * sizes.user_out())
            return Outcome::SIZES;
        if (team.stuck()) return Outcome::STUCK;  // that call's arrays are still in use
        history = from;
        future = to;
        return team.run(groups * users);
    }

    bool may_be_freed() const override { return team.here() && !team.stuck(); }

   private:
    static constexpr long MAX_USERS = 1L << 20;

    struct alignas(64) UserScale {  // of the user that a thread was last at
        std::uint32_t call = 0;
        long user = -1;
        std::optional<Scale> scale;
    };

    // Antennas of a user: GROUP of them, fewer at the end.
    void predict(int thread, std::uint32_t call, long group) {
        const Sizes& sizes = student.sizes;
        const long user = group / groups;
        const int antenna = static_cast<int>(group % groups) * GROUP;
        const float* csi = history + user * sizes.user_in();
        UserScale& known = scales[thread];
        if (known.call != call || known.user != user) {
            known.scale.emplace(csi, sizes.user_in());
            known.call = call;
            known.user = user;
        }
        student.predict(csi + static_cast<long>(antenna) * sizes.history * sizes.features, *known.scale,
                        std::min(GROUP, sizes.antennas - antenna), rooms[thread],
                        future + user * sizes.user_out() + static_cast<long>(antenna) * sizes.future * sizes.features);
    }

    const Student<Precision> student;
    std::vector<typename Student<Precision>::Room> rooms;
    std::vector<UserScale> scales;
    const long groups;
    const float* history = nullptr;
    float* future = nullptr;
    Team team;  // last, so that its threads leave first
};

}  // namespace

#define EXPORTED __attribute__((visibility("default")))

extern "C" {

// Of these functions' arguments; the number in __init__.py.
EXPORTED int edgecsi_native_interface() { return 2; }

// Whether this processor has the instructions: 0 none, 1 AVX-512 (FP32), 2 also AVX512-BF16.
EXPORTED int edgecsi_native_level() {
    const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    return !avx512 ? 0 : __builtin_cpu_supports("avx512bf16") ? 2 : 1;
}

// sizes: SIZE_COUNT ints (SizeTable). weights: floats. Null where they can't be used, or memory or threads run out.
EXPORTED void* edgecsi_native_start(const int* sizes, long size_count, const float* weights, long weight_count,
                                    int threads, int bf16) {
    Sizes found;
    static_assert(sizeof found == SIZE_COUNT * sizeof(int));
    if (size_count != SIZE_COUNT) return nullptr;
    std::memcpy(&found, sizes, sizeof found);
    if (!found.valid() || found.weights() != weight_count || threads < 1) return nullptr;
    try {
        if (bf16) return static_cast<Engine*>(new StudentEngine<Bf16>(found, weights, threads));
        return static_cast<Engine*>(new StudentEngine<Fp32>(found, weights, threads));
    } catch (const std::bad_alloc&) {
        return nullptr;
    } catch (const std::system_error&) {
        return nullptr;
    }
}

// history float [users, antenna, T, K, 2] -> future float [users, antenna, P, K, 2]; each with how many floats it
// has. An Outcome: after STUCK both arrays must live on until a later call is DONE.
EXPORTED int edgecsi_native_run(void* engine, const float* history, long history_count, float* future,
                                long future_count, long users) {
    return static_cast<int>(static_cast<Engine*>(engine)->run(history, history_count, future, future_count, users));
}

// Threads that are gone, or don't come back, can't be waited for: then the memory stays, and the answer is 0.
EXPORTED int edgecsi_native_stop(void* engine) {
    Engine* known = static_cast<Engine*>(engine);
    if (!known->may_be_freed()) return 0;
    delete known;
    return 1;
}
}
