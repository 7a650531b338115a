// Package cli is the command line of monge. A program that registers data sets, networks,
// methods, base optimizers or tasks of its own and calls [Main] has all of its commands, with
// what it registered in every flag, help text, error, study and page that lists such things.
package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/internal/kernel"
	"github.com/monge-ml/monge/internal/words"
)

// Exit codes.
const (
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130
)

// usageError is an error of how the command was called.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// Main runs the command of the process's arguments and exits: with 0, with 1 if it failed, 2
// if it was called wrongly, 130 if it was interrupted.
func Main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is Main with its surroundings given. The first interrupt ends the context, the
// second the process.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	root := newRootCommand()
	out := &checkedWriter{w: stdout}
	root.SetArgs(atHome(args))
	root.SetOut(out)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		err = out.err
	}
	var bad usageError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, context.Canceled):
		what, _ := strings.CutSuffix("interrupted: "+err.Error(), ": "+context.Canceled.Error())
		fmt.Fprintln(stderr, "monge: "+what)
		return exitInterrupted
	case errors.As(err, &bad):
		tellError(stderr, err)
		return exitUsage
	}
	tellError(stderr, err)
	return exitFailed
}

// tellError prints an error, whose lines may have names from files.
func tellError(stderr io.Writer, err error) {
	lines := strings.Split(err.Error(), "\n")
	for i, line := range lines {
		parts := strings.Split(line, "\t")
		for k, part := range parts {
			parts[k] = printable(part)
		}
		lines[i] = strings.Join(parts, "\t")
	}
	fmt.Fprintf(stderr, "monge: %s\n", strings.Join(lines, "\n"))
}

// atHome puts the home directory for a tilde behind a flag's equals sign, where shells leave it alone.
func atHome(args []string) []string {
	out := slices.Clone(args)
	for i, arg := range out {
		if flag, value, ok := strings.Cut(arg, "="); ok && strings.HasPrefix(flag, "--") && strings.HasPrefix(value, "~") {
			out[i] = flag + "=" + data.Home(value)
		}
	}
	return out
}

func newRootCommand() *cobra.Command {
	var version bool
	root := &cobra.Command{
		Use:   "monge",
		Short: "Sharpness-aware training: Monge SAM (M-SAM) and its family",
		Long: `Monge trains networks towards flat minima with Monge SAM (M-SAM, arXiv 2502.08448)
and the optimizers around it: SAM, Fisher SAM, ASAM, and M-SAM with an ascent budget.

MONGE_LEVEL=portable|avx2|avx512|avx512bf16 forces a lower instruction level.`,
		Example:       "  monge compare",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noArgs,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if err := kernel.EnvError(); err != nil {
				return usageError{err}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if version {
				readVersion().print(cmd.OutOrStdout())
				return nil
			}
			return cmd.Help()
		},
	}
	root.Flags().BoolVar(&version, "version", false, "print version, commit, Go and the level of the kernels")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return flagError(cmd, err) })
	root.AddCommand(newCompareCommand(), newStudyCommand(), newTrainCommand(), newRunsCommand(), newReportCommand(), newToyCommand(), newPaperCommand(), newBenchCommand(), newModelsCommand(), newWeightsCommand(), newONNXCommand(), newDataCommand(), newEvalCommand(), newPredictCommand(), newAlignCommand(), newVersionCommand())
	return root
}

// noArgs refuses arguments, and names the commands where one was meant.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if !cmd.HasAvailableSubCommands() {
		return usage("%s takes no argument, got %q (see %s --help)", cmd.CommandPath(), args[0], cmd.CommandPath())
	}
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	return usage("unknown command %q%s; there are %s", args[0], words.DidYouMean(args[0], names), strings.Join(names, ", "))
}

// flagError says what is wrong with a flag, and names a command's flags when one is unknown.
func flagError(cmd *cobra.Command, err error) error {
	var (
		unknown *pflag.NotExistError
		value   *pflag.InvalidValueError
		missing *pflag.ValueRequiredError
	)
	switch {
	case errors.As(err, &missing):
		return usage("--%s needs a value, as in --%[1]s %s", missing.GetFlag().Name, cmp.Or(missing.GetFlag().DefValue, "VALUE"))
	case errors.As(err, &value):
		return usage("--%s: %s", value.GetFlag().Name, wrongValue(value))
	case !errors.As(err, &unknown):
		return usageError{err}
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflagFlag) { names = append(names, "--"+f.Name) })
	return usage("%v%s; %s has %s", err, words.DidYouMean("--"+unknown.GetSpecifiedName(), names), cmd.CommandPath(), strings.Join(names, ", "))
}

// wrongValue says what is wrong with a flag's value.
func wrongValue(e *pflag.InvalidValueError) string {
	kinds := map[string]string{
		"int": "no whole number", "int64": "no whole number", "uint64": "no whole number of 0 or more", "float64": "no number",
		"bool": "neither true nor false",
	}
	if kind, known := kinds[e.GetFlag().Value.Type()]; known && errors.As(e, new(*strconv.NumError)) {
		return fmt.Sprintf("%q is %s", e.GetValue(), kind)
	}
	return e.Unwrap().Error()
}
