#include "core/end_model/logistic.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/end_model/lbfgs.h"

namespace nearvote {
namespace {

// Rows are cut into at most this many chunks; the cut depends on n alone.
constexpr int64_t kMaxChunks = 64;
constexpr int64_t kMinChunkRows = 128;

typedef float Float16 __attribute__((vector_size(64)));
typedef float Float16u __attribute__((vector_size(64), aligned(4), may_alias));

float dot(const float* x, const float* y, int64_t dims) {
  Float16 sum = {};
  int64_t k = 0;
  for (; k + 16 <= dims; k += 16)
    sum += *reinterpret_cast<const Float16u*>(x + k) * *reinterpret_cast<const Float16u*>(y + k);
  float total = 0;
  for (int lane = 0; lane < 16; ++lane) total += sum[lane];
  for (; k < dims; ++k) total += x[k] * y[k];
  return total;
}

void add_scaled(float* sum, const float* x, float factor, int64_t dims) {
  int64_t k = 0;
  const Float16 f = factor - Float16{};
  for (; k + 16 <= dims; k += 16)
    *reinterpret_cast<Float16u*>(sum + k) += f * *reinterpret_cast<const Float16u*>(x + k);
  for (; k < dims; ++k) sum[k] += factor * x[k];
}

struct Chunks {
  explicit Chunks(int64_t rows)
      : count(std::clamp<int64_t>(rows / kMinChunkRows, 1, kMaxChunks)), size((rows + count - 1) / count), rows(rows) {}
  int64_t begin(int64_t chunk) const { return std::min(rows, chunk * size); }
  int64_t end(int64_t chunk) const { return std::min(rows, (chunk + 1) * size); }
  int64_t count, size, rows;
};

// log(1 + exp(z)) without overflow.
double softplus(double z) { return z > 0 ? z + std::log1p(std::exp(-z)) : std::log1p(std::exp(z)); }

// Turns logits into probabilities in place; returns their log normaliser.
double softmax(double* z, int classes) {
  const double largest = *std::max_element(z, z + classes);
  double sum = 0;
  for (int c = 0; c < classes; ++c) sum += z[c] = std::exp(z[c] - largest);
  for (int c = 0; c < classes; ++c) z[c] /= sum;
  return largest + std::log(sum);
}

// The objective over all parameters, laid out as EndModel::weights.
class Objective {
 public:
  Objective(const Rows& x, const double* proba, int classes, const double* row_weights, const EndModelOptions& options,
            const JobControl& job)
      : x_(x),
        proba_(proba),
        classes_(classes),
        logits_(classes == 2 ? 1 : classes),
        row_weights_(row_weights),
        l2_(options.l2),
        job_(job),
        chunks_(x.rows),
        threads_(effective_threads(options.threads, chunks_.count)),
        partial_(static_cast<size_t>(chunks_.count) * static_cast<size_t>(size())),
        partial_loss_(static_cast<size_t>(chunks_.count)) {
    total_weight_ = static_cast<double>(x.rows);
    if (row_weights != nullptr) {
      total_weight_ = 0;
      for (int64_t i = 0; i < x.rows; ++i) total_weight_ += row_weights[i];
    }
  }

  int64_t size() const { return logits_ * (x_.dims + 1); }

  double operator()(const std::vector<double>& w, std::vector<double>& gradient) {
    job_.check();
    std::vector<float> narrow(w.begin(), w.end());
    parallel_for(chunks_.count, threads_, [&](int64_t chunk, int) { evaluate(chunk, narrow.data(), w); });
    std::fill(gradient.begin(), gradient.end(), 0.0);
    double loss = 0;
    for (int64_t chunk = 0; chunk < chunks_.count; ++chunk) {
      loss += partial_loss_[static_cast<size_t>(chunk)];
      const float* part = partial_.data() + chunk * size();
      for (int64_t k = 0; k < size(); ++k) gradient[static_cast<size_t>(k)] += part[k];
    }
    loss /= total_weight_;
    for (int64_t k = 0; k < size(); ++k) {
      double& g = gradient[static_cast<size_t>(k)];
      g /= total_weight_;
      if (k % (x_.dims + 1) == x_.dims) continue;  // the intercept is not shrunk
      const double value = w[static_cast<size_t>(k)];
      g += l2_ * value;
      loss += l2_ / 2 * value * value;
    }
    return loss;
  }

 private:
  void evaluate(int64_t chunk, const float* w, const std::vector<double>& exact) {
    float* gradient = partial_.data() + chunk * size();
    std::fill(gradient, gradient + size(), 0.0f);
    const int64_t dims = x_.dims, span = dims + 1;
    std::vector<double> z(static_cast<size_t>(classes_));
    double loss = 0;
    for (int64_t i = chunks_.begin(chunk); i < chunks_.end(chunk); ++i) {
      const double weight = row_weights_ == nullptr ? 1 : row_weights_[i];
      if (weight == 0) continue;
      const float* row = x_.row(i);
      for (int c = 0; c < logits_; ++c)
        z[static_cast<size_t>(c)] = dot(row, w + c * span, dims) + exact[static_cast<size_t>(c * span + dims)];
      if (logits_ == 1) {
        const double p = proba_[i];
        loss += weight * (softplus(z[0]) - p * z[0]);
        z[0] = 1 / (1 + std::exp(-z[0])) - p;
      } else {
        const double* p = proba_ + i * classes_;
        for (int c = 0; c < classes_; ++c) loss -= weight * p[c] * z[static_cast<size_t>(c)];
        loss += weight * softmax(z.data(), classes_);
        for (int c = 0; c < classes_; ++c) z[static_cast<size_t>(c)] -= p[c];
      }
      for (int c = 0; c < logits_; ++c) {
        const auto residual = static_cast<float>(weight * z[static_cast<size_t>(c)]);
        add_scaled(gradient + c * span, row, residual, dims);
        gradient[c * span + dims] += residual;
      }
    }
    partial_loss_[static_cast<size_t>(chunk)] = loss;
  }

  const Rows& x_;
  const double* proba_;
  int classes_, logits_;
  const double* row_weights_;
  double l2_;
  const JobControl& job_;
  Chunks chunks_;
  int threads_;
  double total_weight_;
  std::vector<float> partial_;  // a gradient per chunk
  std::vector<double> partial_loss_;
};

void check_finite(const Rows& x) {
  for (int64_t i = 0; i < x.rows; ++i)
    for (int64_t k = 0; k < x.dims; ++k)
      if (!std::isfinite(x.row(i)[k]))
        throw expected("finite values", "embeddings",
                       (std::isnan(x.row(i)[k]) ? "NaN" : "Infinity") + std::string(" at row ") + std::to_string(i) +
                           ", column " + std::to_string(k));
}

}  // namespace

EndModel fit_end_model(const Rows& embeddings, const double* proba, int classes, const double* row_weights,
                       const EndModelOptions& options, const JobControl& job) {
  check_finite(embeddings);
  Objective objective(embeddings, proba, classes, row_weights, options, job);
  EndModel model;
  model.dims = embeddings.dims;
  model.logits = classes == 2 ? 1 : classes;
  model.weights.assign(static_cast<size_t>(objective.size()), 0.0);
  const LbfgsResult result = minimise_lbfgs(
      model.weights,
      [&](const std::vector<double>& w, std::vector<double>& gradient) { return objective(w, gradient); },
      options.max_iterations, options.tolerance, [&](int iteration) { job.report(iteration, options.max_iterations); });
  model.iterations = result.iterations;
  model.loss = result.value;
  model.converged = result.converged;
  return model;
}

void predict_end_model(const EndModel& model, const Rows& embeddings, double* out, int threads, const JobControl& job) {
  check_finite(embeddings);
  const int64_t dims = model.dims, span = dims + 1;
  const std::vector<float> narrow(model.weights.begin(), model.weights.end());
  const Chunks chunks(embeddings.rows);
  parallel_for(chunks.count, effective_threads(threads, chunks.count), [&](int64_t chunk, int) {
    job.check();
    for (int64_t i = chunks.begin(chunk); i < chunks.end(chunk); ++i) {
      double* target = out + i * model.logits;
      for (int c = 0; c < model.logits; ++c)
        target[c] = dot(embeddings.row(i), narrow.data() + c * span, dims) +
                    model.weights[static_cast<size_t>(c * span + dims)];
      if (model.logits == 1)
        target[0] = 1 / (1 + std::exp(-target[0]));
      else
        softmax(target, model.logits);
    }
  });
}

}  // namespace nearvote
