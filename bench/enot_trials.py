#!/usr/bin/env python3
"""Trials of ENOT with gradient maps on a Wasserstein-2 benchmark pair, in JAX: the log of docs/benchmarks.md.

    bench/enot_trials.py pair=FILE.safetensors key=value ...       one line each its/reports iterations

Keys and defaults are in ARGUMENTS: rate, batch, width, depth, act, lam (the expectile weight times dual), tau (its level), tcost (tau
of the cost), quad, zero (last layers start at zero), roles (alternate | sum | one), opt (adam | muon | soap), bs and every (soap: decay of the covariances,
steps between two QR decompositions), b1, b2, ema, dual
(potential.weight), map (grad | mlp), kt, arch (mlp | skip | dense | quadin | res), sup (1: regression on the true map, which says
what the network and the optimiser could do without transport), refine and regress (T moved by gradient steps on its problem, and
fitted to that). One core; needs jax, optax, safetensors.
"""
import os, sys, time
ARGUMENTS = dict(pair='', core='0', its='16000', rate='1e-3', batch='512', width='128', depth='4', act='elu', lam='.3', tau='.9', tcost='1', quad='0', zero='0', roles='alternate', opt='adam', b1='.9', b2='.9', ema='0', sched='cosine', seed='0', reports='8', maxsec='1e9', lamend='-1', dual='1', bs='.95', every='10', pfloor='1e-3', kt='1',map='grad',refine='0',eta='.5',regress='0',sup='0',arch='mlp')
for a in sys.argv[1:]:
    key, value = a.split('=')
    if key not in ARGUMENTS:
        sys.exit(f'unknown key {key}; known: ' + ' '.join(ARGUMENTS))
    ARGUMENTS[key] = value
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
os.sched_setaffinity(0, {int(ARGUMENTS['core'])})
import jax, jax.numpy as jnp, optax
from safetensors.numpy import load_file
A = ARGUMENTS
p = {k: jnp.asarray(v, jnp.float32) for k, v in load_file(A["pair"]).items()}
dim = p["X"].shape[1]
def psi(v, x):
    q = lambda k: (x @ p[f"{v}/quadratic_layers.{k}.quadratic_decomposed"][:, 0, :]) ** 2 + x @ p[f"{v}/quadratic_layers.{k}.weight"].T + p[f"{v}/quadratic_layers.{k}.bias"]
    h = q(0)
    for k in (0, 1):
        h = jax.nn.celu(h @ p[f"{v}/convex_layers.{k}.weight"].T + q(k + 1))
    return (h @ p[f"{v}/final_layer.weight"].T)[:, 0] + 0.005 * (x * x).sum(1)
def true_map(x):
    return p["scale"][0] * (jax.grad(lambda z: (psi("v1", z) + psi("v2", z)).sum())(x) + p["shift"].reshape(-1))
B = int(A['batch'])
def draw(key, n=B):
    a, b = jax.random.split(key)
    i, z = jax.random.randint(a, (n,), 0, 3), jax.random.normal(b, (n, dim))
    return p["centers"][i] + p["std"][0] * jnp.einsum("nij,nj->ni", p["maps"][i], z)
acts = dict(elu=jax.nn.elu, silu=jax.nn.silu, softplus=jax.nn.softplus, celu=jax.nn.celu, gelu=jax.nn.gelu, tanh=jnp.tanh)
act = acts[A['act']]
W, L = int(A['width']), int(A['depth'])
def init(key):
    ws = []
    sizes = [dim] + [W] * L + [1]
    for i, (a, b) in enumerate(zip(sizes, sizes[1:])):
        key, k, k2 = jax.random.split(key, 3)
        s = 1 / a ** .5
        w = jax.random.uniform(k, (a, b), minval=-s, maxval=s); c = jax.random.uniform(k2, (b,), minval=-s, maxval=s)
        if i == len(sizes) - 2 and A['zero'] == '1': w = w * 0; c = c * 0
        ws.append({'w': w, 'b': c})
    if A['arch'] in ('skip', 'dense'):
        for i, l in enumerate(ws):
            if 0 < i < len(ws):
                key, k = jax.random.split(key)
                l['s'] = jax.random.uniform(k, (dim, sizes[i + 1]), minval=-.5/dim**.5, maxval=.5/dim**.5) * (0 if i == len(ws)-1 else 1)
    if A['arch'] in ('dense', 'quadin'):
        for i, l in enumerate(ws):
            if i and A['arch'] == 'quadin': break
            key, k = jax.random.split(key)
            l['q'] = jax.random.uniform(k, (dim, sizes[i + 1]), minval=-.5/dim**.5, maxval=.5/dim**.5) * (0 if i == len(ws)-1 else 1)
    out = {'mlp': ws}
    if A['quad'] == '1': out['A'] = jnp.zeros((dim, dim)); out['l'] = jnp.zeros(dim)
    return out
def net(t, x):
    h = x
    for i, l in enumerate(t['mlp']):
        if i and not (A['arch'] == 'dense' and i == 1): h = act(h)
        if A['arch'] == 'res' and i and i < len(t['mlp']) - 1: h = h + (h @ l['w'] + l['b'])
        else: h = h @ l['w'] + l['b']
        if 's' in l: h = h + x @ l['s']
        if 'q' in l: h = h + (x @ l['q']) ** 2
    f = h[:, 0]
    if 'A' in t: f = f + ((x @ t['A'] + t['l']) * x).sum(1)
    return f
tc = float(A['tcost'])   # cost = tc ||x-y||^2
def initmap(key):
    ws = []
    sizes = [dim] + [W] * L + [dim]
    for i, (a, b) in enumerate(zip(sizes, sizes[1:])):
        key, k, k2 = jax.random.split(key, 3)
        s = 1 / a ** .5
        w = jax.random.uniform(k, (a, b), minval=-s, maxval=s); c = jax.random.uniform(k2, (b,), minval=-s, maxval=s)
        if i == len(sizes) - 2: w = w * 0; c = c * 0
        ws.append({'w': w, 'b': c})
    return {'map': ws, 'A': jnp.zeros((dim, dim)), 'l': jnp.zeros(dim)}
cost = lambda x, y: tc * ((x - y) ** 2).sum(1)
def T(t, x):
    if 'map' in t:
        h = x
        for i, l in enumerate(t['map']):
            if i: h = act(h)
            h = h @ l['w'] + l['b']
        return x + h
    return x - jax.grad(lambda z: net(t, z).sum())(x) / (2 * tc)
lam0, tau = float(A['lam']), float(A['tau'])
its = int(A['its'])
sg = jax.lax.stop_gradient
def direction(f, g, x, y, lam):
    """f's gradient is the map, g the potential."""
    yh = T(f, x)
    amor = (cost(x, yh) - net(sg(g), yh)).mean()
    yd = sg(yh)
    R = int(A['refine'])
    for _ in range(R):
        yd = yd - float(A['eta']) * ((yd - x) - jax.grad(lambda z: net(sg(g), z).sum())(yd) / (2 * tc))
        yd = sg(yd)
    if A['regress'] == '1': amor = tc * ((yh - yd) ** 2).sum(1).mean()
    gy, gd = net(g, y), net(g, yd)
    dual = (gd - gy).mean()
    u = cost(x, yd) - gd - cost(x, y) + gy
    sc = 1.0
    reg = (jnp.abs(tau - (u < 0)) * u * u).mean()
    return amor + float(A['dual'])*dual + lam * reg
def lossfn(params, x, y, step, lam):
    f, g = params
    if A['sup'] == '1': return ((T(f, x) - true_map(x)) ** 2).sum(1).mean()
    if A['roles'] == 'alternate':
        return jax.lax.cond(step % 2 == 0, lambda: direction(f, g, x, y, lam), lambda: direction(g, f, y, x, lam))
    if A['roles'] == 'sum': return direction(f, g, x, y, lam) + direction(g, f, y, x, lam)
    return direction(f, g, x, y, lam)
rate = float(A['rate'])
sched = optax.cosine_decay_schedule(rate, its, float(A['pfloor'])) if A['sched'] == 'cosine' else rate
if A['opt'] == 'adam': opt = optax.adam(sched, b1=float(A['b1']), b2=float(A['b2']))
elif A['opt'] == 'soap':
    # SOAP (Vyas et al. 2024): Adam in the eigenbasis of the two covariances of a weight's gradients.
    B1, B2, BS, EVERY = float(A['b1']), float(A['b2']), float(A['bs']), int(A['every'])
    def soap_init(ps):
        def one(q):
            s = {'m': jnp.zeros_like(q), 'v': jnp.zeros_like(q)}
            if q.ndim == 2 and min(q.shape) > 1:
                a, b = q.shape
                s |= {'L': jnp.zeros((a, a)), 'R': jnp.zeros((b, b)), 'U': jnp.eye(a), 'V': jnp.eye(b)}
            return s
        leaves, tree = jax.tree.flatten(ps)
        return {'n': jnp.zeros((), jnp.int32), 's': [one(q) for q in leaves]}
    def soap_update(grads, state, ps):
        leaves, tree = jax.tree.flatten(grads)
        n = state['n'] + 1
        r = sched(n - 1) if callable(sched) else sched
        ups, new = [], []
        for g, s in zip(leaves, state['s']):
            m = B1 * s['m'] + (1 - B1) * g
            if 'L' in s:
                L = BS * s['L'] + (1 - BS) * g @ g.T; R = BS * s['R'] + (1 - BS) * g.T @ g
                def fresh(a):
                    L, R, U, V, v = a
                    cols = lambda P, Q: jnp.argsort(-jnp.einsum('ij,ij->j', Q, P @ Q))
                    iu, iv = cols(L, U), cols(R, V)
                    U, V, v = U[:, iu], V[:, iv], v[iu][:, iv]
                    return jnp.linalg.qr(L @ U)[0], jnp.linalg.qr(R @ V)[0], v
                def first(a):
                    return jnp.linalg.eigh(a[0])[1][:, ::-1], jnp.linalg.eigh(a[1])[1][:, ::-1], a[4]
                U, V, v = jax.lax.cond(n == 1, first, lambda a: jax.lax.cond(n % EVERY == 0, fresh, lambda a: (a[2], a[3], a[4]), a), (L, R, s['U'], s['V'], s['v']))
                gr, mr = U.T @ g @ V, U.T @ m @ V
                v = B2 * v + (1 - B2) * gr * gr
                u = (mr / (1 - B1 ** n)) / (jnp.sqrt(v / (1 - B2 ** n)) + 1e-8)
                ups.append(-r * (U @ u @ V.T)); new.append({'m': m, 'v': v, 'L': L, 'R': R, 'U': U, 'V': V})
            else:
                v = B2 * s['v'] + (1 - B2) * g * g
                ups.append(-r * (m / (1 - B1 ** n)) / (jnp.sqrt(v / (1 - B2 ** n)) + 1e-8)); new.append({'m': m, 'v': v})
        return jax.tree.unflatten(tree, ups), {'n': n, 's': new}
    opt = optax.GradientTransformation(soap_init, soap_update)
elif A['opt'] == 'muon':
    opt = optax.contrib.muon(sched, beta=float(A['b1']), adam_b1=float(A['b1']), adam_b2=float(A['b2']))
def step(carry, i):
    params, st, em, key = carry
    key, a, b = jax.random.split(key, 3)
    x, y = draw(a), true_map(draw(b))
    lam = lam0 if float(A['lamend']) < 0 else lam0 * (float(A['lamend'])/lam0) ** (i/its)
    for k in range(int(A['kt']) - 1):
        key, a = jax.random.split(key)
        xx = draw(a)
        gr = jax.grad(lambda f: (cost(xx, T(f, xx)) - net(params[1], T(f, xx))).mean())(params[0])
        up, s0 = optm.update(gr, st[0], params[0]); st = (s0, st[1]); params = (optax.apply_updates(params[0], up), params[1])
    l, gr = jax.value_and_grad(lossfn)(params, x, y, i, lam)
    u0, s0 = optm.update(gr[0], st[0], params[0]); u1, s1 = opt.update(gr[1], st[1], params[1]); up = (u0, u1); st = (s0, s1)
    params = optax.apply_updates(params, up)
    d = float(A['ema'])
    dd = jnp.minimum(d, (1 + i) / (10 + i))
    em = jax.tree.map(lambda e, q: dd * e + (1 - dd) * q, em, params)
    return (params, st, em, key), l
n = max(1, its // int(A['reports']))
n1 = min(n, 500)
@jax.jit
def run(carry, i0): return jax.lax.scan(step, carry, i0 + jnp.arange(n1))
key = jax.random.key(int(A['seed']))
k1, k2, key = jax.random.split(key, 3)
params = (init(k1), init(k2)) if A['map'] == 'grad' else (initmap(k1), init(k2))

optm = opt
carry = (params, (optm.init(params[0]), opt.init(params[1])), params, key)
xt = draw(jax.random.key(12345), 4096); yt = true_map(xt)
var = float(p["out_var"].reshape(-1)[0]); vin = float(p["in_var"].reshape(-1)[0])
@jax.jit
def score(ps):
    return 100 * ((T(ps[0], xt) - yt) ** 2).sum(1).mean() / var, 100 * ((yt - jax.grad(lambda z: net(ps[1], z).sum())(yt) / (2 * tc) - xt) ** 2).sum(1).mean() / vin
print(A, flush=True)
t0 = None; done = 0; spent = 0; nxt = n
while done < its:
    t0 = time.time(); carry, l = run(carry, done); l.block_until_ready(); dt = time.time() - t0
    if done: spent += dt
    done += n1
    if done >= nxt or done >= its:
        nxt += n
        e = score(carry[0]); m = score(carry[2]) if float(A['ema']) > 0 else (jnp.nan, jnp.nan)
        print(f"it {done} sec {spent:.0f} loss {float(l[-1]):.3f} fwd {float(e[0]):.4f} inv {float(e[1]):.4f} ema fwd {float(m[0]):.4f} inv {float(m[1]):.4f}", flush=True)
        if not jnp.isfinite(e[0]): break
    if spent > float(A['maxsec']): break
