// Package sam trains towards flat minima: sharpness-aware minimization (SAM, Foret et
// al. 2021) and the family around Monge SAM (M-SAM, Jacobsen and Arvanitidis 2025,
// arXiv 2502.08448).
//
// A step takes two gradients of the same minibatch. The ascent gradient g at theta is
// turned into a perturbation, the point in a small ball around theta where the loss
// rises most; the descent gradient at theta+delta goes to the base optimizer:
//
//	g     = grad loss(theta)
//	delta = rho v / (s sqrt(1 + alpha² s²)),   B v = g,  s² = gᵀv
//	theta = base optimizer's update with grad loss(theta + delta)
//
// delta is the maximum of gᵀdelta on the ball of radius rho of the metric
// G = B + alpha² g gᵀ. The members of the family differ in B and alpha alone:
//
//	B = I, alpha = 0              SAM (eq. 3 of the paper)
//	B = I, alpha = 1              M-SAM (eq. 9): the metric of the loss surface itself
//	B = diag(1 + eta g²)          Fisher SAM as the paper prints it (eq. 4-5)
//	B = diag(|theta| + eta)⁻²     ASAM
//	B of one's own                [Diagonal], [Solve], or any [Metric]
//
// [New] makes a [Stepper] from a base optimizer and [Settings]; [Stepper.Step] owns both
// passes; [Family] makes Settings by a method's name.
//
// # Methods of one's own
//
// A step makes three choices, and a variant differs in one or more of them: the [Direction]
// of the ascent (the gradient), how far it goes (a [Metric], or a [Length]), and the
// [Descent], what the base optimizer steps along (the gradient at theta+delta). [Register]
// gives a combination a name, with the settings that it uses and numbers of its own: flags,
// studies, toys and pages know it then.
//
// Other papers' methods are such combinations, each of three choices by name ([Directions], [MetricLengths], [Descents]), and
// [Method.With] makes others of them: LE-SAM ([PowerLength], the smaller of a radius and an ascent budget), VaSSO (a
// running mean for the gradient), Friendly SAM (the gradient without one), momentum SAM (against the momentum, without a
// gradient at theta), Sparse SAM, Eigen-SAM, GSAM, LookSAM, WSAM, SAM-SPS and CR-SAM (descents). Each takes the steps of
// its authors' formula, see testdata/gen_family.py. A choice that has to see more than its arguments is [Attached].
//
// What the ascent is of is apart from all three: [Settings] have the steps that perturb (Interval, From), the share of
// the minibatch (AscentBatch) and the part of the parameters (Part) that its gradient is taken on.
//
// # Metrics of several gradients
//
// The paper asks for a metric from more than one point. B + U Uᵀ, with gradients as columns of U, needs the solve
// of as many equations as there are columns (Woodbury). The lengths recent, running, nearby, hessian,
// microbatch and example differ in what the columns are; one column, the gradient, is M-SAM.
//
// # The radius, the loss axis, and the ascent budget
//
// Rho is a length in parameter space. Alpha is a scale of the loss axis: with it the
// predicted rise of the loss, gᵀdelta = rho s/sqrt(1 + alpha² s²), stays below
// b = rho/alpha, the ascent budget, which is in the unit of the loss. Where |g| is
// small beside 1/alpha M-SAM is SAM; where it is large the perturbation shrinks like
// 1/|g| and the step tends to the base optimizer's. Settings take the budget in place
// of alpha, and then rho may be +Inf.
//
// LE-SAM (arXiv 2605.10183) bounds the rise of the loss too: its length is the smaller of
// rho and b/|g|, where M-SAM's is between 0.71 times that and all of it. What is derived
// from the metric here is theirs with a corner in place of the bend.
//
// Because of that axis M-SAM, unlike SAM, is not invariant to the loss's unit:
// return the mean over a minibatch, not the sum, and unscaled.
//
// # What the metric does not give
//
// M-SAM is often called reparametrization-invariant. The form above with B = I is so
// only under maps that keep lengths (rotations, permutations, shifts). Under any other
// linear map theta = A psi it is not, nor under the rescalings that leave a ReLU
// network's function as it is. With the base metric B = AᵀA in psi the perturbation is
// the same in both coordinates, and with PreconditionDescent so is the update of plain
// SGD; for nonlinear maps that holds to first order in rho. The tests of this package
// show each of these, the failures included.
//
// Sharpness does not correlate well with generalization in general (arXiv 2302.07011);
// whether a radius helps is a question for a validation set.
package sam
