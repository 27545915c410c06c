#pragma once

#include <cmath>
#include <cstring>

/// The layers of a transformer as the loops that one writes down first, forward and backward, in
/// the manner of llm.c: f32 arrays, OpenMP over whatever is independent, and a compiler that may
/// sum in any order. Rows are tokens of all samples; gradients are added to what is there.
namespace chainline::bench::plain {

/// y (R, N) = x (R, K) w^T + b. Four rows at once use each weight four times.
inline void linear(int R, int K, int N, const float* x, const float* w, const float* b, float* y) {
#pragma omp parallel for
  for (int r = 0; r < R; r += 4) {
    const float *x0 = x + r * K, *x1 = x0 + K, *x2 = x1 + K, *x3 = x2 + K;
    for (int n = 0; n < N; ++n) {
      const float* weight = w + n * K;
      float s0 = 0, s1 = 0, s2 = 0, s3 = 0;
      for (int k = 0; k < K; ++k) {
        s0 += x0[k] * weight[k];
        s1 += x1[k] * weight[k];
        s2 += x2[k] * weight[k];
        s3 += x3[k] * weight[k];
      }
      const float bias = b != nullptr ? b[n] : 0;
      y[r * N + n] = s0 + bias;
      y[(r + 1) * N + n] = s1 + bias;
      y[(r + 2) * N + n] = s2 + bias;
      y[(r + 3) * N + n] = s3 + bias;
    }
  }
}

/// dx += dy w (unless dx is null), dw += dy^T x, db += the columns of dy.
inline void linear_backward(int R, int K, int N, const float* dy, const float* x, const float* w,
                            float* dx, float* dw, float* db) {
  if (dx != nullptr) {
#pragma omp parallel for
    for (int r = 0; r < R; ++r) {
      float* to = dx + r * K;
      for (int n = 0; n < N; n += 4) {
        const float *d = dy + r * N + n, *w0 = w + n * K, *w1 = w0 + K, *w2 = w1 + K, *w3 = w2 + K;
        for (int k = 0; k < K; ++k) {
          to[k] += d[0] * w0[k] + d[1] * w1[k] + d[2] * w2[k] + d[3] * w3[k];
        }
      }
    }
  }
#pragma omp parallel for
  for (int n = 0; n < N; ++n) {
    float* to = dw + n * K;
    for (int r = 0; r < R; r += 4) {
      const float *d = dy + r * N + n, *x0 = x + r * K, *x1 = x0 + K, *x2 = x1 + K, *x3 = x2 + K;
      const float d0 = d[0], d1 = d[N], d2 = d[2 * N], d3 = d[3 * N];
      for (int k = 0; k < K; ++k) to[k] += d0 * x0[k] + d1 * x1[k] + d2 * x2[k] + d3 * x3[k];
    }
    if (db != nullptr) {
      float sum = 0;
      for (int r = 0; r < R; ++r) sum += dy[r * N + n];
      db[n] += sum;
    }
  }
}

/// layer_norm with a bias, rms_norm without one: then the mean is not taken away. `statistics`
/// (R, 2) are mean and 1 / std.
inline void norm(int R, int C, const float* x, const float* w, const float* b, float* y,
                 float* statistics) {
#pragma omp parallel for
  for (int r = 0; r < R; ++r) {
    const float* row = x + r * C;
    float mean = 0, square = 0;
    if (b != nullptr) {
      for (int c = 0; c < C; ++c) mean += row[c];
      mean /= static_cast<float>(C);
    }
    for (int c = 0; c < C; ++c) square += (row[c] - mean) * (row[c] - mean);
    const float scale = 1 / std::sqrt(square / static_cast<float>(C) + 1e-5F);
    for (int c = 0; c < C; ++c) {
      y[r * C + c] = (row[c] - mean) * scale * w[c] + (b != nullptr ? b[c] : 0);
    }
    statistics[2 * r] = mean;
    statistics[2 * r + 1] = scale;
  }
}

inline void norm_backward(int R, int C, const float* dy, const float* x, const float* w,
                          const float* statistics, float* dx, float* dw, float* db) {
#pragma omp parallel for
  for (int r = 0; r < R; ++r) {
    const float mean = statistics[2 * r], scale = statistics[2 * r + 1];
    const float *d = dy + r * C, *row = x + r * C;
    float sum = 0, dot = 0;
    for (int c = 0; c < C; ++c) {
      sum += d[c] * w[c];
      dot += d[c] * w[c] * (row[c] - mean) * scale;
    }
    sum = db != nullptr ? sum / static_cast<float>(C) : 0;
    dot /= static_cast<float>(C);
    for (int c = 0; c < C; ++c) {
      dx[r * C + c] += scale * (d[c] * w[c] - sum - (row[c] - mean) * scale * dot);
    }
  }
  for (int r = 0; r < R; ++r) {
    const float mean = statistics[2 * r], scale = statistics[2 * r + 1];
    for (int c = 0; c < C; ++c) dw[c] += dy[r * C + c] * (x[r * C + c] - mean) * scale;
    if (db != nullptr) {
      for (int c = 0; c < C; ++c) db[c] += dy[r * C + c];
    }
  }
}

/// The places of B samples of T tokens in H heads of D numbers, as the products before leave them:
/// (B, T, H, D).
struct Heads {
  int B, T, H, D;
  int at(int b, int t, int h) const { return ((b * T + t) * H + h) * D; }
};

/// The rotation of pairs (i, i + D / 2), backwards with sign -1.
inline void rope(const Heads& s, float* x, float sign) {
#pragma omp parallel for
  for (int t = 0; t < s.T; ++t) {
    for (int i = 0; i < s.D / 2; ++i) {
      const double angle = t * std::pow(10000.0, -2.0 * i / s.D);
      const float cosine = static_cast<float>(std::cos(angle)),
                  sine = sign * static_cast<float>(std::sin(angle));
      for (int b = 0; b < s.B; ++b) {
        for (int h = 0; h < s.H; ++h) {
          float* pair = x + s.at(b, t, h) + i;
          const float first = pair[0], second = pair[s.D / 2];
          pair[0] = first * cosine - second * sine;
          pair[s.D / 2] = second * cosine + first * sine;
        }
      }
    }
  }
}

/// y = p v with p (B, H, T, T) = softmax(q k^T / sqrt(D)), causal or not; p is kept.
inline void attention(const Heads& s, bool causal, const float* q, const float* k, const float* v,
                      float* p, float* y) {
  const float scale = 1 / std::sqrt(static_cast<float>(s.D));
#pragma omp parallel for collapse(2)
  for (int b = 0; b < s.B; ++b) {
    for (int h = 0; h < s.H; ++h) {
      for (int t = 0; t < s.T; ++t) {
        float* row = p + ((b * s.H + h) * s.T + t) * s.T;
        const float* query = q + s.at(b, t, h);
        const int keys = causal ? t + 1 : s.T;
        float largest = -1e30F, sum = 0;
        for (int j = 0; j < keys; ++j) {
          const float* key = k + s.at(b, j, h);
          float dot = 0;
          for (int d = 0; d < s.D; ++d) dot += query[d] * key[d];
          row[j] = dot * scale;
          largest = row[j] > largest ? row[j] : largest;
        }
        for (int j = 0; j < keys; ++j) sum += row[j] = std::exp(row[j] - largest);
        float* to = y + s.at(b, t, h);
        std::memset(to, 0, sizeof(float) * static_cast<std::size_t>(s.D));
        for (int j = 0; j < keys; ++j) {
          row[j] /= sum;
          const float* value = v + s.at(b, j, h);
          for (int d = 0; d < s.D; ++d) to[d] += row[j] * value[d];
        }
      }
    }
  }
}

inline void attention_backward(const Heads& s, bool causal, const float* dy, const float* q,
                               const float* k, const float* v, const float* p, const float* y,
                               float* dq, float* dk, float* dv) {
  const float scale = 1 / std::sqrt(static_cast<float>(s.D));
#pragma omp parallel for collapse(2)
  for (int b = 0; b < s.B; ++b) {
    for (int h = 0; h < s.H; ++h) {
      for (int t = 0; t < s.T; ++t) {
        const float* row = p + ((b * s.H + h) * s.T + t) * s.T;
        const int own = s.at(b, t, h), keys = causal ? t + 1 : s.T;
        float delta = 0;
        for (int d = 0; d < s.D; ++d) delta += dy[own + d] * y[own + d];
        for (int j = 0; j < keys; ++j) {
          const int other = s.at(b, j, h);
          float dp = 0;
          for (int d = 0; d < s.D; ++d) dp += dy[own + d] * v[other + d];
          const float ds = row[j] * (dp - delta) * scale;
          for (int d = 0; d < s.D; ++d) {
            dv[other + d] += row[j] * dy[own + d];
            dq[own + d] += ds * k[other + d];
            dk[other + d] += ds * q[own + d];
          }
        }
      }
    }
  }
}

inline void gelu(int n, const float* x, float* y) {
#pragma omp parallel for
  for (int i = 0; i < n; ++i) y[i] = 0.5F * x[i] * (1 + std::erf(x[i] * 0.70710678F));
}

inline void gelu_backward(int n, const float* dy, const float* x, float* dx) {
#pragma omp parallel for
  for (int i = 0; i < n; ++i) {
    const float phi = 0.39894228F * std::exp(-0.5F * x[i] * x[i]);
    dx[i] = dy[i] * (0.5F * (1 + std::erf(x[i] * 0.70710678F)) + x[i] * phi);
  }
}

inline void silu_gate(int n, const float* gate, const float* up, float* y) {
#pragma omp parallel for
  for (int i = 0; i < n; ++i) y[i] = gate[i] / (1 + std::exp(-gate[i])) * up[i];
}

inline void silu_gate_backward(int n, const float* dy, const float* gate, const float* up,
                               float* dgate, float* dup) {
#pragma omp parallel for
  for (int i = 0; i < n; ++i) {
    const float sigmoid = 1 / (1 + std::exp(-gate[i]));
    dup[i] = dy[i] * gate[i] * sigmoid;
    dgate[i] = dy[i] * up[i] * sigmoid * (1 + gate[i] * (1 - sigmoid));
  }
}

}  // namespace chainline::bench::plain
