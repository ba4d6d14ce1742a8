// CSI-ALM-Light (edgecsi/models/csi_alm_light.py) and CSI-ALM-Light-Delta, a few antennas at a time.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "layers.h"
#include "layout.h"
#include "matrix.h"

namespace edgecsi {

constexpr int GROUP = 4;  // antennas at a time: what they need stays in the nearest cache

struct Sizes : SizeTable {
    long user_in() const { return static_cast<long>(antennas) * history * features; }
    long user_out() const { return static_cast<long>(antennas) * future * features; }

    bool valid() const {
        for (int size : {antennas, history, future, features, width, feed_forward, heads, layers})
            if (size < 1 || size > 4096) return false;
        return prompts >= 0 && tokens() <= MAX_TOKENS && width % PANEL == 0 && feed_forward % PANEL == 0 &&
               width % heads == 0 && width / heads % LANES == 0;
    }
};

// The factors by which a user's CSI is divided and its prediction multiplied (edgecsi/models/scaling.py).
struct Scale {
    float peak, rms;

    Scale(const float* csi, long count) {
        constexpr float TINY = 1.17549435e-38f;
        Lanes largest = _mm512_setzero_ps(), squares = _mm512_setzero_ps();
        const auto at = [=](long i) {
            return _mm512_maskz_loadu_ps(i + LANES <= count ? 0xffff : first(static_cast<int>(count - i)), csi + i);
        };
        for (long i = 0; i < count; i += LANES) largest = _mm512_max_ps(largest, _mm512_abs_ps(at(i)));
        peak = _mm512_reduce_max_ps(largest);
        to_peak = 1.0f / std::max(peak, TINY);
        for (long i = 0; i < count; i += LANES) {
            const Lanes unit = _mm512_mul_ps(at(i), all(to_peak));
            squares = _mm512_fmadd_ps(unit, unit, squares);
        }
        rms = std::sqrt(_mm512_reduce_add_ps(squares) / static_cast<float>(count));
        to_rms = 1.0f / std::max(rms, TINY);
    }

    Lanes unit(Lanes csi) const { return _mm512_mul_ps(_mm512_mul_ps(csi, all(to_peak)), all(to_rms)); }
    Lanes back(Lanes csi) const { return _mm512_mul_ps(_mm512_mul_ps(csi, all(rms)), all(peak)); }

   private:
    float to_peak, to_rms;
};

template <class Precision>
struct Layer {
    Matrix<Precision> qkv, out, feed, back;
    LayerWeights weights;

    Layer(const LayerWeights& from, int width, int feed_forward)
        : qkv(from.qkv, width, 3 * width),
          out(from.out, width, width),
          feed(from.feed, width, feed_forward),
          back(from.back, feed_forward, width),
          weights(from) {}
};

template <class Precision>
class Student {
   public:
    using Number = typename Precision::Number;

    // What one thread needs while it computes; nothing is allocated later.
    struct Room {
        std::vector<float> rows, tokens, qkv, columns, last, change;
        std::vector<Number> around, a, hidden;

        explicit Room(const Sizes& s)
            : rows(s.history * s.wide()),
              tokens(GROUP * s.tokens() * s.width),
              qkv(GROUP * s.tokens() * 3 * s.width),
              columns(s.width / s.heads * MAX_TOKENS),
              last(GROUP * s.wide()),
              change(GROUP),
              around((s.history + 2) * s.wide()),
              a(GROUP * std::max(s.tokens(), s.future) * s.width),
              hidden(GROUP * s.tokens() * s.feed_forward) {}
    };

    Student(const Sizes& sizes, const float* numbers)
        : sizes(sizes),
          numbers(numbers, numbers + sizes.weights()),
          weights(sizes, this->numbers.data()),
          embedding(weights.embedding, 3 * sizes.wide(), sizes.width),
          layers(take_layers(weights, sizes)),
          to_features(weights.to_features, sizes.width, sizes.wide()) {}

    // csi float [count, history, features] of one user's antennas, at most GROUP -> [count, future, features].
    void predict(const float* csi, const Scale& scale, int count, Room& room, float* out) const {
        for (int antenna = 0; antenna < count; ++antenna) {
            read(csi + static_cast<long>(antenna) * sizes.history * sizes.features, scale, antenna, room);
            embed(room, room.tokens.data() + static_cast<long>(antenna) * sizes.tokens() * sizes.width);
        }
        for (const auto& layer : layers) encode(layer, count, room);
        project(count, scale, room, out);
    }

    const Sizes sizes;

   private:
    static std::vector<Layer<Precision>> take_layers(const Weights& weights, const Sizes& sizes) {
        std::vector<Layer<Precision>> layers;
        layers.reserve(sizes.layers);
        for (const auto& layer : weights.layers) layers.emplace_back(layer, sizes.width, sizes.feed_forward);
        return layers;
    }

    // One antenna's rows at unit power; as changes against the last, in units of their RMS, where delta is set.
    void read(const float* csi, const Scale& scale, int antenna, Room& room) const {
        const int wide = sizes.wide(), steps = sizes.history;
        float* rows = room.rows.data();
        for (int t = 0; t < steps; ++t)
            for (int i = 0; i < sizes.features; i += LANES) {
                const auto mask = first(std::min(LANES, sizes.features - i));
                store(rows + t * wide + i, scale.unit(_mm512_maskz_loadu_ps(mask, csi + t * sizes.features + i)));
            }
        if (sizes.delta) to_changes(rows, room.last.data() + antenna * wide, room.change[antenna]);
        Number* around = room.around.data();  // a token's neighbours in time; the ends are each other's
        for (int i = 0; i < steps * wide; i += LANES) Precision::store(around + wide + i, load(rows + i));
        std::copy_n(around + steps * wide, wide, around);
        std::copy_n(around + wide, wide, around + (steps + 1) * wide);
    }

    void to_changes(float* rows, float* last, float& change) const {
        constexpr float STILL = 1e-4f;  // as in edgecsi/models/csi_alm_light_delta.py
        const int wide = sizes.wide(), before = (sizes.history - 1) * wide;
        std::copy_n(rows + before, wide, last);
        Lanes squares = _mm512_setzero_ps();
        for (int i = 0; i < before; i += LANES) {
            const Lanes d = _mm512_sub_ps(load(rows + i), load(last + i % wide));
            store(rows + i, d);
            squares = _mm512_fmadd_ps(d, d, squares);
        }
        const float numbers = static_cast<float>((sizes.history - 1) * sizes.features);
        change = std::max(std::sqrt(_mm512_reduce_add_ps(squares) / numbers), STILL);
        for (int i = 0; i < before; i += LANES) store(rows + i, _mm512_div_ps(load(rows + i), all(change)));
    }

    // Soft prompt and embedded history of one antenna: tokens [prompts + history, width].
    void embed(const Room& room, float* tokens) const {
        const int width = sizes.width, wide = sizes.wide();
        std::copy_n(weights.prompt, sizes.prompts * width, tokens);
        float* embedded = tokens + sizes.prompts * width;
        embedding.multiply(room.around.data(), wide, sizes.history, [=, this](int m, int c, Lanes product) {
            store(embedded + m * width + c, _mm512_add_ps(product, load(weights.position + m * width + c)));
        });
    }

    // An encoder layer on the tokens of `count` antennas.
    void encode(const Layer<Precision>& layer, int count, Room& room) const {
        const int width = sizes.width, feed_forward = sizes.feed_forward, tokens = sizes.tokens();
        float *x = room.tokens.data(), *qkv = room.qkv.data();
        Number *a = room.a.data(), *hidden = room.hidden.data();
        const auto add_to_tokens = [=](const float* bias) {
            return [=](int m, int c, Lanes product) {
                float* to = x + m * width + c;
                store(to, _mm512_add_ps(load(to), _mm512_add_ps(product, load(bias + c))));
            };
        };
        layer_norm<Precision>(x, count * tokens, width, layer.weights.norm, layer.weights.norm_bias, a);
        layer.qkv.multiply(a, width, count * tokens, [=, bias = layer.weights.qkv_bias](int m, int c, Lanes product) {
            store(qkv + m * 3 * width + c, _mm512_add_ps(product, load(bias + c)));
        });
        for (int i = 0; i < count; ++i)
            attention<Precision>(qkv + i * tokens * 3 * width, tokens, width, sizes.heads, room.columns.data(),
                                 a + i * tokens * width);
        layer.out.multiply(a, width, count * tokens, add_to_tokens(layer.weights.out_bias));
        layer_norm<Precision>(x, count * tokens, width, layer.weights.feed_norm, layer.weights.feed_norm_bias, a);
        layer.feed.multiply(a, width, count * tokens, [=, bias = layer.weights.feed_bias](int m, int c, Lanes product) {
            Precision::store(hidden + m * feed_forward + c, gelu(_mm512_add_ps(product, load(bias + c))));
        });
        layer.back.multiply(hidden, feed_forward, count * tokens, add_to_tokens(layer.weights.back_bias));
    }

    // Tokens to steps, then to features, and back to the scale of the input: out [count, future, features].
    void project(int count, const Scale& scale, Room& room, float* out) const {
        const int width = sizes.width, wide = sizes.wide(), tokens = sizes.tokens(), future = sizes.future;
        const int features = sizes.features;
        for (int m = 0; m < count * future; ++m)
            for (int c = 0; c < width; c += LANES) {
                const float *x = room.tokens.data() + m / future * tokens * width + c, *share = weights.to_future + m % future * tokens;
                Lanes step = _mm512_setzero_ps();
                for (int t = 0; t < tokens; ++t) step = _mm512_fmadd_ps(all(share[t]), load(x + t * width), step);
                Precision::store(room.a.data() + m * width + c, step);
            }
        to_features.multiply(room.a.data(), width, count * future, [&](int m, int c, Lanes product) {
            if (c >= features) return;
            const int antenna = m / future;
            Lanes csi = _mm512_add_ps(product, load(weights.rest + m % future * wide + c));
            if (sizes.delta)
                csi = _mm512_fmadd_ps(csi, all(room.change[antenna]), load(room.last.data() + antenna * wide + c));
            _mm512_mask_storeu_ps(out + static_cast<long>(m) * features + c, first(std::min(LANES, features - c)),
                                  scale.back(csi));
        });
    }

    const std::vector<float> numbers;
    const Weights weights;  // points into `numbers`
    const Matrix<Precision> embedding;
    const std::vector<Layer<Precision>> layers;
    const Matrix<Precision> to_features;
};

}  // namespace edgecsi
