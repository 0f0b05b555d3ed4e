"""Runs netdata's own collector for Icecast once, as its agent does: /usr/bin/python3 netdata.py FOLDER URL"""

import importlib.util
import json
import sys

folder, url = sys.argv[1:]
sys.path.insert(0, folder + "/python_modules")
spec = importlib.util.spec_from_file_location("icecast", folder + "/icecast.chart.py")
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)

job = {"job_name": "icecast", "override_name": None, "update_every": 1, "priority": 1, "autodetection_retry": 0, "chart_cleanup": 0, "penalty": False}
service = module.Service(configuration={**job, "url": url})
print(json.dumps({"found": service.check(), "listeners": service._get_data()}))
